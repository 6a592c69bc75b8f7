/**
 * Lists every package of package-lock.json with its version and licence (`npm run licences`), and fails when one
 * is neither permissive nor named here with the reason why it may be used. `node .ci/licences.js LOCK` reads another.
 */
import { readFileSync } from 'node:fs';

/** By their SPDX names: may be used, changed and passed on in a work under any licence. */
const permissive = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
];

/** Packages under another licence, and why they may be used. */
const others = [
  // A library of its own file, loaded unchanged by sharp: the LGPL asks no more of who uses it so.
  { name: /^@img\/sharp-(libvips-|wasm32$|win32-)/, licence: 'LGPL-3.0-or-later' },
  // The fonts' licence of Bitstream and Arev: may be used and passed on, not sold by themselves.
  { name: /^dejavu-fonts-ttf$/, licence: 'SEE LICENSE IN README.md AND LICENSE' },
];

/** Whether an SPDX expression allows what is wanted: all terms of AND, one of OR. */
function isAllowed(name, expression) {
  const allowed = others.filter((other) => other.name.test(name)).map(({ licence }) => licence);
  const isTerm = (term) => permissive.includes(term) || allowed.includes(term);
  const alternatives = expression.replace(/^\((.*)\)$/, '$1').split(' OR ');
  return isTerm(expression) || alternatives.some((each) => each.split(' AND ').every(isTerm));
}

const lockFile = process.argv[2] ?? new URL('../package-lock.json', import.meta.url);
const { packages } = JSON.parse(readFileSync(lockFile, 'utf8'));
const refused = [];
for (const [path, { version, license = 'none stated' }] of Object.entries(packages)) {
  if (path === '') continue;
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  console.log(`${name} ${version}: ${license}`);
  if (!isAllowed(name, license)) refused.push(`${name} ${version} (${license})`);
}
if (refused.length > 0) {
  console.error(
    `licences: got ${refused.join(', ')}; expected ${permissive.join(', ')}, or an entry in .ci/licences.js`,
  );
  process.exitCode = 1;
}
