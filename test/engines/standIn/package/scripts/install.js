// Copies what the test names, in place of a download.
const { cpSync } = require('node:fs');
const { join } = require('node:path');

const engine = process.env.STAND_IN_OFFICIAL;
if (engine === undefined) throw new Error('the stand-in has no network');
for (const folder of ['deps', 'lib']) {
  cpSync(join(engine, folder), join(__dirname, '..', folder), { recursive: true });
}
