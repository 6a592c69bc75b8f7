/** Where an installed engine lies: outside of the package, so that it outlives updates and needs no root. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * The folder in which losslens keeps what it installs: `$LOSSLENS_HOME`, else the user's data folder as the
 * platform has it (XDG base directories, ~/Library/Application Support, %LOCALAPPDATA%).
 */
export function losslensHome(): string {
  const { LOSSLENS_HOME, XDG_DATA_HOME, LOCALAPPDATA } = process.env;
  if (LOSSLENS_HOME !== undefined && LOSSLENS_HOME !== '') return LOSSLENS_HOME;
  if (process.platform === 'darwin') {
    return join(homedir(), 'Library', 'Application Support', 'losslens');
  }
  if (process.platform === 'win32') {
    return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'losslens');
  }
  // The XDG specification asks to ignore relative paths.
  const absolute = XDG_DATA_HOME !== undefined && isAbsolute(XDG_DATA_HOME);
  return join(absolute ? XDG_DATA_HOME : join(homedir(), '.local', 'share'), 'losslens');
}

/** The folder of the installed engine; it exists only when an install has finished. */
export function engineFolder(): string {
  return join(losslensHome(), 'engine');
}
