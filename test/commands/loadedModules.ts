/**
 * Notes which modules a process loads: given to Node with --import, it writes their paths and URLs to the
 * file that the environment variable LOADED_MODULES names.
 */
import { appendFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';

const file = process.env['LOADED_MODULES']!;
const hook = `import { appendFileSync } from 'node:fs';
export const load = (url, context, next) => {
  appendFileSync(${JSON.stringify(file)}, url + '\\n');
  return next(url, context);
};`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
// What CommonJS modules require passes no hook.
const { cache } = createRequire(import.meta.url);
process.on('exit', () => appendFileSync(file, `${Object.keys(cache).join('\n')}\n`));
