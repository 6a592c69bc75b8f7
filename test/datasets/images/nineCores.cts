/** Loaded before a program: it finds nine cores, and says at its end how many threads it has. */
const fs = require('node:fs') as typeof import('node:fs');
const os = require('node:os') as typeof import('node:os');

os.availableParallelism = () => 9;
process.on('exit', () => {
  process.stderr.write(`${fs.readdirSync('/proc/self/task').length} threads\n`);
});
