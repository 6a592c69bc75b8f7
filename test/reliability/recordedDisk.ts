/**
 * A disk whose changes were recorded, and what it may hold after a power cut: of a file, what an fsync of it
 * has confirmed; of a folder, the names that an fsync of the folder has. All else may be there or not.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { BegunCall, EndedCall } from './recordHook.ts';

/** Files by their paths below the disk's root; null for a folder. */
export type Files = ReadonlyMap<string, Buffer | null>;

/** What becomes of a change that no fsync has confirmed; of a file's bytes, half of them or zeros may be there. */
type Fate = 'kept' | 'lost' | 'torn' | 'zeros';

/** Decides on the changes of one file or folder, in their order. */
export type Fates = (count: number) => readonly Fate[];

/** Nothing that was not confirmed is there. */
export const allLost: Fates = (count) => Array(count).fill('lost');
/** All is there that was begun: a kill without a power cut. */
export const allKept: Fates = (count) => Array(count).fill('kept');

/** Fates by chance: none or all is there, or what came first, or any of them. */
export function fatesByChance(random: () => number): Fates {
  const one = (fates: readonly Fate[]) => fates[Math.floor(random() * fates.length)]!;
  return (count) => {
    const way = one(['kept', 'lost', 'torn', 'zeros']);
    if (way === 'kept' || way === 'lost') return Array(count).fill(way);
    const first = Math.floor(random() * count);
    return Array.from({ length: count }, (_, i) => {
      if (way === 'zeros') return one(['kept', 'lost', 'torn', 'zeros']);
      if (i === first) return 'torn';
      return i < first ? 'kept' : 'lost';
    });
  };
}

/** Numbers are lines of the record. */
interface Change {
  readonly begin: number;
  end: number;
  /** Where an fsync ended that confirmed it. */
  confirmed: number;
}

interface ContentChange extends Change {
  readonly at: number;
  /** null: the file is cut there. */
  readonly bytes: Buffer | null;
}

interface NameChange extends Change {
  readonly gone: string | undefined;
  readonly made: { readonly name: string; readonly node: Node } | undefined;
}

class File {
  readonly changes: ContentChange[] = [];
  size = 0;
}

class Folder {
  readonly changes: NameChange[] = [];
}

type Node = File | Folder;

/** An open file or folder. */
interface Opened {
  readonly node: Node;
  readonly isAppended: boolean;
  position: number;
}

/** A recorded run's disk. */
export class RecordedDisk {
  readonly #root: string;
  readonly #lines: readonly (BegunCall | EndedCall)[];
  readonly #top = new Folder();
  /** As the calls saw it. */
  readonly #nodes = new Map<string, Node>();
  readonly #opened = new Map<number, Opened>();
  readonly #calls = new Map<string, BegunCall>();

  /**
   * @param record  that `recordHook` wrote
   * @param root    folder that was there before, and with it all that is confirmed of `before`
   * @param before  what it held then
   */
  constructor(record: string, root: string, before: Files = new Map()) {
    this.#root = root;
    this.#nodes.set(root, this.#top);
    const always = { begin: -1, end: -1, confirmed: -1 };
    for (const [path, content] of before) {
      const node = content === null ? new Folder() : new File();
      if (node instanceof File) this.#write(node, 0, content, { ...always });
      this.#name(join(root, path), node, always);
    }
    this.#lines = readFileSync(record, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as BegunCall | EndedCall);
    const changes = new Map<string, Change>();
    for (const [i, line] of this.#lines.entries()) {
      if ('id' in line) {
        const change = { begin: i, end: Infinity, confirmed: Infinity };
        this.#calls.set(line.id, line);
        changes.set(line.id, change);
        this.#begin(line, change);
      } else {
        const change = changes.get(line.end)!;
        change.end = i;
        this.#end(this.#callOf(line), change, line.descriptor);
      }
    }
  }

  /** The moment after the last call; the first, before all calls, is 0. */
  get end(): number {
    return this.#lines.length;
  }

  /** The moments of all calls, alike ones in a row together: the parts of a checkpoint are many. */
  get stretches(): readonly (readonly number[])[] {
    const stretches: number[][] = [[0]];
    for (let moment = 1; moment <= this.end; moment++) {
      const [call, before] = [moment, moment - 1].map((each) => this.#callBefore(each));
      if (call?.name === before?.name && call?.path === before?.path)
        stretches.at(-1)!.push(moment);
      else stretches.push([moment]);
    }
    return stretches;
  }

  /** What was done at a moment last, for people. */
  describe(moment: number): string {
    const call = this.#callBefore(moment);
    if (call === undefined) return 'before the first call';
    const isEnd = 'end' in this.#lines[moment - 1]!;
    return `${isEnd ? 'after' : 'within'} ${call.name} ${this.pathAt(moment)}`;
  }

  /** Path below the root of what was changed at a moment last. */
  pathAt(moment: number): string {
    const call = this.#callBefore(moment);
    return call === undefined ? '' : relative(this.#root, call.path);
  }

  /** The moment before the first call of a name about a path below the root. */
  momentOf(name: string, path: string): number {
    return this.#lines.findIndex((line) => {
      const call = this.#callOf(line);
      return call.name === name && relative(this.#root, call.path) === path;
    });
  }

  /** What the disk holds when the power fails at a moment. */
  cut(moment: number, fates: Fates): Files {
    const files = new Map<string, Buffer | null>();
    const list = (folder: Folder, path: string) => {
      const names = new Map<string, Node>();
      for (const [change, fate] of survivors(folder.changes, moment, fates)) {
        if (fate === 'lost') continue;
        if (change.gone !== undefined) names.delete(change.gone);
        if (change.made !== undefined) names.set(change.made.name, change.made.node);
      }
      for (const [name, node] of names) {
        const place = join(path, name);
        files.set(place, node instanceof File ? contentOf(node, moment, fates) : null);
        if (node instanceof Folder) list(node, place);
      }
    };
    list(this.#top, '');
    return files;
  }

  #callBefore(moment: number): BegunCall | undefined {
    const line = this.#lines[moment - 1];
    return line && this.#callOf(line);
  }

  #callOf(line: BegunCall | EndedCall): BegunCall {
    return 'id' in line ? line : this.#calls.get(line.end)!;
  }

  #begin({ name, path, descriptor, bytes, at, size }: BegunCall, change: Change): void {
    const opened = descriptor === undefined ? undefined : this.#opened.get(descriptor);
    const node = opened?.node ?? this.#nodes.get(path);
    if (!(node instanceof File)) return;
    if (name === 'truncate') this.#write(node, size!, null, change);
    if (bytes === undefined) return;
    const content = Buffer.from(bytes, 'base64');
    const isAppended = opened?.isAppended ?? name === 'appendFile';
    const place = isAppended ? node.size : (at ?? opened?.position ?? 0);
    this.#write(node, place, content, change);
    if (opened !== undefined && at === null) opened.position = place + content.length;
  }

  #end(call: BegunCall, change: Change, descriptor: number | undefined): void {
    const { name, path } = call;
    // Descriptors are given again.
    if (descriptor !== undefined) this.#opened.delete(descriptor);
    if (path !== this.#root && !path.startsWith(this.#root + sep)) return;
    const node = this.#nodes.get(path);
    if (name === 'open') this.#open(call, change, descriptor!);
    if (name === 'mkdir') this.#makeFolder(path, change);
    if (name === 'rename' && node !== undefined) {
      this.#nodes.delete(path);
      this.#name(call.to!, node, change, basename(path));
    }
    if (['rm', 'unlink', 'rmdir'].includes(name) && node !== undefined) {
      this.#nodes.delete(path);
      this.#changeNames(dirname(path), { gone: basename(path), made: undefined }, change);
    }
    if (name === 'sync' || name === 'datasync') {
      for (const each of this.#opened.get(call.descriptor!)?.node.changes ?? []) {
        if (each.end <= change.begin) each.confirmed = Math.min(each.confirmed, change.end);
      }
    }
  }

  #open({ path, flags }: BegunCall, change: Change, descriptor: number): void {
    let node = this.#nodes.get(path);
    if (node === undefined) {
      node = new File();
      this.#name(path, node, change);
    } else if (flags!.startsWith('w') && node instanceof File && node.size > 0) {
      this.#write(node, 0, null, change);
    }
    this.#opened.set(descriptor, { node, isAppended: flags!.startsWith('a'), position: 0 });
  }

  #makeFolder(path: string, change: Change): void {
    if (this.#nodes.has(path)) return;
    this.#makeFolder(dirname(path), change);
    this.#name(path, new Folder(), change);
  }

  #name(path: string, node: Node, change: Change, gone?: string): void {
    this.#nodes.set(path, node);
    this.#changeNames(dirname(path), { gone, made: { name: basename(path), node } }, change);
  }

  #changeNames(
    folder: string,
    names: Pick<NameChange, 'gone' | 'made'>,
    { begin, end, confirmed }: Change,
  ): void {
    (this.#nodes.get(folder) as Folder).changes.push({ begin, end, confirmed, ...names });
  }

  #write(file: File, at: number, bytes: Buffer | null, change: Change): void {
    // The same object: its end is not known yet.
    file.changes.push(Object.assign(change, { at, bytes }));
    file.size = bytes === null ? at : Math.max(file.size, at + bytes.length);
  }
}

/** The changes that are there after a cut, with what became of each. */
function survivors<T extends Change>(
  changes: readonly T[],
  moment: number,
  fates: Fates,
): (readonly [T, Fate])[] {
  const begun = changes.filter(({ begin }) => begin < moment);
  const open = begun.filter(({ confirmed }) => confirmed >= moment);
  const chosen = fates(open.length);
  return begun.map((change) => [change, chosen[open.indexOf(change)] ?? 'kept'] as const);
}

function contentOf(file: File, moment: number, fates: Fates): Buffer {
  const changes = survivors(file.changes, moment, fates);
  const end = Math.max(0, ...changes.map(([{ at, bytes }]) => at + (bytes?.length ?? 0)));
  const content = Buffer.alloc(end);
  let size = 0;
  for (const [{ at, bytes }, fate] of changes) {
    if (fate === 'lost') continue;
    if (bytes === null) {
      content.fill(0, at);
      size = Math.min(size, at);
      continue;
    }
    const part = fate === 'torn' ? bytes.subarray(0, Math.floor(bytes.length / 2)) : bytes;
    if (fate === 'zeros') content.fill(0, at, at + part.length);
    else content.set(part, at);
    size = Math.max(size, at + part.length);
  }
  return content.subarray(0, size);
}

/** Makes a folder that holds files. */
export function writeFiles(folder: string, files: Files): void {
  mkdirSync(folder, { recursive: true });
  for (const [path, content] of files) {
    if (content === null) mkdirSync(join(folder, path));
    else writeFileSync(join(folder, path), content);
  }
}
