/** What a run with planted errors wrote of its scores. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How well each score finds the changed labels, by its name; none where the run wrote nothing of it. */
export function readAveragePrecision(trainDir: string): Record<string, number> {
  const path = join(trainDir, 'detection.csv');
  if (!existsSync(path)) return {};
  const [, ...rows] = readFileSync(path, 'utf8').trimEnd().split('\n');
  return Object.fromEntries(rows.map((row) => row.split(',', 2)).map(([k, v]) => [k!, Number(v)]));
}
