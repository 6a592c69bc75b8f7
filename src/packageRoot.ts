/** Where this package's own files lie, whether it runs compiled from `dist` or not. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function findPackageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** The folder of losslens' package.json (absolute path). */
export const packageRoot: string = findPackageRoot();
