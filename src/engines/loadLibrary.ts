/** Loads shared libraries that are no addons of Node. */
import { constants } from 'node:os';

/** RTLD_NODELETE of dlfcn.h, a flag that Node hands on but does not name. */
const keepLoaded = 0x1000;

/**
 * Loads a shared library into this process, for good.
 *
 * @param file      its path
 * @param isGlobal  its functions take the place of those of the same names in libraries that are loaded later
 * @returns         undefined, or what the loader says when it does not load
 */
export function loadLibrary(file: string, { isGlobal = false } = {}): string | undefined {
  const { RTLD_LAZY, RTLD_LOCAL, RTLD_GLOBAL } = constants.dlopen;
  try {
    const scope = isGlobal ? RTLD_GLOBAL : RTLD_LOCAL;
    process.dlopen({ exports: {} }, file, RTLD_LAZY | scope | keepLoaded);
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // It is loaded, and stays so: Node says that it is no addon.
    return reason.includes('did not self-register') ? undefined : reason;
  }
}
