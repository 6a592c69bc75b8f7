/**
 * tfjs with its WebAssembly backend. It is required, not imported: before Node imports a CommonJS module it searches
 * it for the names that it exports, which for this one takes five times as long as to load it.
 */
import { createRequire } from 'node:module';
import type * as tfc from '@tensorflow/tfjs-core';

const require = createRequire(import.meta.url);

/** The package @tensorflow/tfjs-core. */
export const tf = require('@tensorflow/tfjs-core') as typeof tfc;
require('@tensorflow/tfjs-backend-wasm');
