#!/usr/bin/env node
/**
 * Where the command line starts: sets what has to be set before any module is loaded, then hands over.
 *
 * libvips decodes in libuv's pool, which has 4 threads unless the environment says otherwise when it is
 * used first. Node uses it to load any module but a CommonJS one: only here it is early enough.
 */
const os = require('node:os') as typeof import('node:os');

process.env['UV_THREADPOOL_SIZE'] ??= String(Math.max(4, os.availableParallelism()));
try {
  os.homedir();
} catch {
  // A user whom the system does not know, as in a container or a service: Docker gives it this one. Without,
  // the package that draws the views does not load.
  process.env['HOME'] = '/';
}
void import('./losslens.ts');
