#!/usr/bin/env node
/**
 * Where the command line starts: sets how many threads decode images, then hands over.
 *
 * libvips decodes in libuv's pool, which has 4 threads unless the environment says otherwise when it is
 * used first. Node uses it to load any module but a CommonJS one: only here it is early enough.
 */
const os = require('node:os') as typeof import('node:os');

process.env['UV_THREADPOOL_SIZE'] ??= String(Math.max(4, os.availableParallelism()));
void import('./losslens.ts');
