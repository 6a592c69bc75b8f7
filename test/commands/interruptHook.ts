/**
 * Preloaded into a command (`--import`): sends it SIGINT when it opens the file of the name $LOSSLENS_INTERRUPT_AT, whatever
 * else a temporary name has.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';

const { open } = fs.promises;
fs.promises.open = (path, ...how) => {
  const name = basename(String(path)).replace(/\.[0-9a-f-]{36}(?=\.tmp$)/, '');
  if (name === process.env['LOSSLENS_INTERRUPT_AT']) {
    process.kill(process.pid, 'SIGINT');
  }
  return open(path, ...how);
};
syncBuiltinESMExports();
