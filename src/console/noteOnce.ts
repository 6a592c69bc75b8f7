/** Lines for people that are worth saying, but not twice. */
import { tell } from '../terminal.ts';

const said = new Set<string>();

/** Writes a line to stderr unless the process has written it before: several splits have one folder. */
export function noteOnce(line: string): void {
  if (said.has(line)) return;
  said.add(line);
  tell(line);
}
