/** Networks of the user's own: modules that export what a ImageNetwork holds. */
import { existsSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import { basename, extname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { UsageError, UserError } from '../errors.ts';
import { describe, type Tensor } from '../graph/graph.ts';
import type { ImageNetwork, Network, NetworkDefinition, TextNetwork } from './network.ts';

const extensions = ['.js', '.mjs', '.ts', '.mts'];

/** Whether --model_name names a file and not one of the built-in networks. */
export function isNetworkFile(name: string): boolean {
  return extensions.includes(extname(name)) || /[/\\]/.test(name);
}

/** What --model_name stands for wherever the command is run: files by their absolute path. */
export function absoluteNetworkName(name: string): string {
  return isNetworkFile(name) ? resolve(name) : name;
}

/** What --model_name is called in titles. */
export function networkTitle(name: string): string {
  return isNetworkFile(name) ? basename(name, extname(name)) : name;
}

/** What modules import as 'losslens'. */
const url = new URL('./index.js', import.meta.url).href;

/** Whether a module finds this very losslens by itself: it lies beside one that is installed, or within. */
function findsLosslens(path: string): boolean {
  try {
    return createRequire(path).resolve('losslens') === fileURLToPath(url);
  } catch {
    return false;
  }
}

/** Lets modules import this very losslens as 'losslens', wherever they and it are installed. */
let provideLosslens = () => {
  provideLosslens = () => {};
  const { registerHooks } = nodeModule as unknown as { registerHooks?: (hooks: object) => void };
  // Node 20 has hooks in a thread of their own alone; later versions have them in this thread, too, and
  // are to keep only those.
  if (registerHooks !== undefined) {
    registerHooks({
      resolve: (
        specifier: string,
        context: object,
        next: (specifier: string, context: object) => object,
      ) => (specifier === 'losslens' ? { url, shortCircuit: true } : next(specifier, context)),
    });
    return;
  }
  const source = `export const resolve = (specifier, context, next) =>
    specifier === 'losslens' ? { url: ${JSON.stringify(url)}, shortCircuit: true } : next(specifier, context);`;
  nodeModule.register(`data:text/javascript,${encodeURIComponent(source)}`);
};

/** Why a module cannot be imported, and what helps. */
function importFailure(path: string, error: unknown): UserError {
  const { code, message, name } = error as NodeJS.ErrnoException;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.m?ts$/.test(path)) {
    return new UsageError(
      `--model_name: Node ${process.versions.node} cannot read TypeScript (${path}); expected Node 22.18 or later, or the module compiled to .js.`,
    );
  }
  const advice =
    name === 'SyntaxError' && /import statement|Unexpected token 'export'/.test(message)
      ? ' Name it .mjs: only then is it an ES module everywhere.'
      : '';
  const failure = new UserError(
    `--model_name: ${path} cannot be imported (${name}: ${message.split('\n', 1)[0]}); expected an ES module.${advice}`,
  );
  failure.cause = error;
  return failure;
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'node' in value && 'shape' in value;
}

/** The function, with what it returns looked at before anything is built on it. */
function checked(path: string, build: Network): Network {
  return (images, context) => {
    let outputs: ReturnType<Network>;
    try {
      outputs = build(images, context);
    } catch (error) {
      if (error instanceof UserError) throw error;
      const failure = new UserError(`${path}: build failed (${(error as Error).message}).`);
      failure.cause = error;
      throw failure;
    }
    const { logits, endPoints, auxiliary } = (outputs ?? {}) as Partial<typeof outputs>;
    const fail = (what: string) => {
      throw new UserError(
        `${path}: build returned ${what}; expected { logits, endPoints } with logits float32[?,${context.numClasses}] and a Map from names to layers, the logits among them.`,
      );
    };
    if (!isTensor(logits))
      return fail(logits === undefined ? 'no logits' : 'logits that are no tensor');
    const areLogits = ({ shape, dtype }: Tensor) =>
      shape.length === 2 && shape[1] === context.numClasses && dtype === 'float32';
    if (!areLogits(logits)) return fail(`the logits ${describe(logits)}`);
    if (auxiliary !== undefined) {
      const { logits: second, weight } = auxiliary;
      if (!isTensor(second) || !areLogits(second) || typeof weight !== 'number') {
        return fail('an auxiliary that is not { logits, weight } with logits of that shape');
      }
    }
    if (!(endPoints instanceof Map)) return fail('endPoints that are no Map');
    for (const [name, tensor] of endPoints) {
      if (typeof name !== 'string' || !isTensor(tensor)) {
        return fail(`the end point "${String(name)}" that is no tensor`);
      }
    }
    if (![...endPoints.values()].includes(logits)) return fail('endPoints without the logits');
    return outputs;
  };
}

/** What a module may export of a network. */
type ExportName = Exclude<keyof ImageNetwork | keyof TextNetwork, 'modelName'>;

/**
 * Imports a network of the user's own.
 *
 * @param path  of a module that exports `build` and `preprocessingName`, and `defaultImageSize` or,
 *              of a network of texts, `takes` = 'texts' and `defaultSequenceLength`
 * @throws UserError  when the file is missing, does not import, or lacks an export
 */
export async function importNetwork(path: string): Promise<NetworkDefinition> {
  if (!existsSync(path)) {
    throw new UsageError(`--model_name: found no file ${path}; expected a module with a network.`);
  }
  // On Node 20 the hooks are a thread, a tenth of what a short command takes.
  if (!findsLosslens(path)) provideLosslens();
  let exported: Partial<Record<ExportName, unknown>>;
  try {
    exported = (await import(pathToFileURL(path).href)) as typeof exported;
  } catch (error) {
    throw importFailure(path, error);
  }
  const expectExport = <T>(
    name: ExportName,
    isRight: (value: unknown) => boolean,
    what: string,
  ) => {
    const value = exported[name];
    if (isRight(value)) return value as T;
    const got = value === undefined ? `found no export "${name}"` : `the export "${name}" is wrong`;
    throw new UserError(`--model_name: ${path}: ${got}; expected ${what}.`);
  };
  const build = expectExport<Network>(
    'build',
    (value) => typeof value === 'function',
    'a function from images and context to { logits, endPoints }',
  );
  const takes = expectExport<'images' | 'texts' | undefined>(
    'takes',
    (value) => value === undefined || value === 'images' || value === 'texts',
    "'images' or 'texts'",
  );
  const isSize = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
  const size =
    takes === 'texts'
      ? {
          takes,
          defaultSequenceLength: expectExport<number>(
            'defaultSequenceLength',
            isSize,
            'the length of its texts in tokens',
          ),
        }
      : {
          defaultImageSize: expectExport<number>(
            'defaultImageSize',
            isSize,
            'the side of its images in pixels',
          ),
        };
  const preprocessingName = expectExport<string>(
    'preprocessingName',
    (value) => typeof value === 'string',
    "the name of a preprocessing, such as 'cifarnet'",
  );
  const headScopes = expectExport<readonly string[] | undefined>(
    'headScopes',
    (value) =>
      value === undefined ||
      (Array.isArray(value) && value.every((scope) => typeof scope === 'string')),
    "scopes of variables, such as ['MyNet/logits']",
  );
  const head = headScopes === undefined ? {} : { headScopes };
  return { modelName: path, build: checked(path, build), preprocessingName, ...head, ...size };
}
