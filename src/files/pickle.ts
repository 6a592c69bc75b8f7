/**
 * Reads Python pickles. A pickle is a program: here only instructions that build data are known, and of the
 * functions that it may name only those of the caller's vocabulary, each a fixed piece of our own. Nothing of
 * the pickle is executed.
 */

import { excerpt } from '../errors.ts';

/** What a vocabulary makes, such as an array. */
export interface PickledObject {
  readonly kind: string;
}

/** What can be read: None, bool, int, float, str, bytes, list or tuple, dict with keys as text, objects. */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | Buffer
  | PickledObject
  | Pickled[]
  | Map<string, Pickled>;

/** What a function of a vocabulary does; undefined for arguments that it does not know. */
export type PickledFunction = (args: readonly (Pickled | undefined)[]) => Pickled | undefined;

/** What a pickle may hold beside plain data. */
export interface Vocabulary {
  /** In words, for messages, such as 'data and numpy arrays'. */
  readonly contents: string;
  /**
   * The function of a name; null for a name that may stand as an argument, and undefined for one that must
   * not stand at all.
   */
  readonly functionOf: (module: string, name: string) => PickledFunction | null | undefined;
  /** Gives an object its state. @returns whether it was one that has such a state */
  readonly setState?: (object: Pickled, state: Pickled) => boolean;
  /** What an id stands for that names something outside of the pickle; undefined for an unknown one. */
  readonly ofId?: (id: Pickled) => Pickled | undefined;
}

/** A pickle that is damaged or holds something else than data; the command's byte is known. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
  /** Of the instruction that could not be followed. */
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Marks where the items of a list begin. */
class Mark implements PickledObject {
  readonly kind = 'mark';
}

/** A name that a pickle has named. */
export class NamedFunction implements PickledObject {
  readonly kind = 'function';
  /** With its module, such as 'numpy.dtype'. */
  readonly name: string;
  readonly call: PickledFunction | null;
  constructor(name: string, call: PickledFunction | null) {
    this.name = name;
    this.call = call;
  }
}

/**
 * What functions make and keys are turned into at most, in bytes for each byte of the pickle: it can name one
 * value again and again.
 */
const maxExpansion = 64;

/** Text that Python 2 may have written as bytes. */
export function text(value: string | Buffer): string {
  return typeof value === 'string' ? value : value.toString('latin1');
}

/** Follows the instructions of one pickle. */
class Reader {
  readonly #bytes: Buffer;
  readonly #vocabulary: Vocabulary;
  readonly #stack: Pickled[] = [];
  readonly #memo = new Map<number, Pickled>();
  #position: number;
  /** Bytes that may still be made. */
  #left: number;
  /** Byte of the instruction that is followed. */
  #offset = 0;

  constructor(bytes: Buffer, start: number, vocabulary: Vocabulary) {
    this.#bytes = bytes;
    this.#position = start;
    this.#left = maxExpansion * bytes.length;
    this.#vocabulary = vocabulary;
  }

  /** The byte behind what was read. */
  get position(): number {
    return this.#position;
  }

  read(): Pickled {
    for (;;) {
      this.#offset = this.#position;
      const opcode = this.#uint(1);
      if (opcode === 0x2e /* STOP */) return this.#data(this.#pop());
      this.#follow(opcode);
    }
  }

  #fail(message: string): never {
    throw new PickleError(message, this.#offset);
  }

  /** To be called before bytes are made that are not the pickle's own. */
  #spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) this.#fail('the pickle takes far more memory than its bytes');
  }

  #take(length: number): Buffer {
    const end = this.#position + length;
    if (end > this.#bytes.length) {
      this.#fail(`the file ends; expected ${length} more bytes`);
    }
    const taken = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }

  #uint(bytes: 1 | 2 | 4): number {
    return this.#take(bytes).readUIntLE(0, bytes);
  }

  #length8(): number {
    const length = this.#take(8).readBigUInt64LE();
    return length > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(length);
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) this.#fail('the file ends within a line');
    const line = this.#take(end - this.#position).toString('latin1');
    this.#position++;
    return line;
  }

  #pop(): Pickled {
    const value = this.#stack.pop();
    return value === undefined ? this.#fail('the stack is empty') : value;
  }

  #data(value: Pickled): Pickled {
    if (value instanceof Mark || value instanceof NamedFunction) {
      this.#fail(`found a ${value.kind}; expected data`);
    }
    return value;
  }

  #popToMark(): Pickled[] {
    const mark = this.#stack.findLastIndex((value) => value instanceof Mark);
    if (mark < 0) this.#fail('there is no mark');
    return this.#stack.splice(mark).slice(1);
  }

  #tuple(length: number): void {
    if (this.#stack.length < length) this.#fail('the stack is empty');
    this.#stack.push(this.#stack.splice(this.#stack.length - length));
  }

  #append(values: readonly Pickled[]): void {
    const list = this.#stack.at(-1);
    if (!Array.isArray(list)) this.#fail('found no list to append to');
    for (const value of values) list.push(this.#data(value));
  }

  #setItems(values: readonly Pickled[]): void {
    const dict = this.#stack.at(-1);
    if (!(dict instanceof Map)) this.#fail('found no dict to set items of');
    for (let i = 0; i < values.length; i += 2) {
      const key = values[i]!;
      if (typeof key !== 'string' && !Buffer.isBuffer(key)) {
        this.#fail('found a key that is no text');
      }
      if (i + 1 === values.length) this.#fail('found a key without a value');
      this.#spend(key.length);
      dict.set(text(key), this.#data(values[i + 1]!));
    }
  }

  #function(module: string, name: string): void {
    const { functionOf, contents } = this.#vocabulary;
    const call = functionOf(module, name);
    const full = excerpt(`${module}.${name}`);
    if (call === undefined) this.#fail(`found the function ${full}; expected only ${contents}`);
    this.#stack.push(new NamedFunction(full, call));
  }

  #call(): void {
    const args = this.#pop();
    const called = this.#pop();
    if (!(called instanceof NamedFunction) || called.call === null || !Array.isArray(args)) {
      this.#fail('found a call of no known function');
    }
    for (const arg of args) if (typeof arg === 'string') this.#spend(arg.length);
    this.#stack.push(called.call(args) ?? this.#fail(`found unknown arguments of ${called.name}`));
  }

  #build(): void {
    const state = this.#pop();
    const built = this.#stack.at(-1);
    if (built === undefined || this.#vocabulary.setState?.(built, state) !== true) {
      this.#fail('found a state of no known object');
    }
  }

  #remember(index: number): void {
    this.#memo.set(index, this.#stack.at(-1) ?? this.#fail('the stack is empty'));
  }

  #recall(index: number): void {
    this.#stack.push(this.#memo.get(index) ?? this.#fail(`nothing is stored as ${index}`));
  }

  /** An integer of any length; ours never exceed those that numbers hold exactly. */
  #long(bytes: number): number {
    if (bytes > 6) this.#fail(`found an integer of ${bytes} bytes; expected at most 6`);
    return bytes === 0 ? 0 : this.#take(bytes).readIntLE(0, bytes);
  }

  /** Names, values and order of the opcodes are those of Python's pickletools. */
  #follow(opcode: number): void {
    const stack = this.#stack;
    switch (opcode) {
      case 0x80: // PROTO
        if (this.#uint(1) > 5) this.#fail('found a protocol above 5');
        return;
      case 0x95: // FRAME
        this.#take(8);
        return;
      case 0x28: // MARK
        stack.push(new Mark());
        return;
      case 0x30: // POP
        this.#pop();
        return;
      case 0x4e: // NONE
        stack.push(null);
        return;
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        stack.push(opcode === 0x88);
        return;
      case 0x4b: // BININT1
        stack.push(this.#uint(1));
        return;
      case 0x4d: // BININT2
        stack.push(this.#uint(2));
        return;
      case 0x4a: // BININT
        stack.push(this.#take(4).readInt32LE());
        return;
      case 0x8a: // LONG1
        stack.push(this.#long(this.#uint(1)));
        return;
      case 0x47: // BINFLOAT
        stack.push(this.#take(8).readDoubleBE());
        return;
      case 0x55: // SHORT_BINSTRING, bytes of Python 2
      case 0x43: // SHORT_BINBYTES
        stack.push(this.#take(this.#uint(1)));
        return;
      case 0x54: // BINSTRING
      case 0x42: // BINBYTES
        stack.push(this.#take(this.#uint(4)));
        return;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        stack.push(this.#take(this.#length8()));
        return;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(this.#take(this.#uint(1)).toString('utf8'));
        return;
      case 0x58: // BINUNICODE
        stack.push(this.#take(this.#uint(4)).toString('utf8'));
        return;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        stack.push([]);
        return;
      case 0x61: // APPEND
        this.#append([this.#pop()]);
        return;
      case 0x65: // APPENDS
        this.#append(this.#popToMark());
        return;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        this.#tuple(opcode - 0x84);
        return;
      case 0x74: // TUPLE
        stack.push(this.#popToMark());
        return;
      case 0x7d: // EMPTY_DICT
        stack.push(new Map());
        return;
      case 0x73: {
        // SETITEM
        const value = this.#pop();
        this.#setItems([this.#pop(), value]);
        return;
      }
      case 0x75: // SETITEMS
        this.#setItems(this.#popToMark());
        return;
      case 0x63: {
        // GLOBAL
        const module = this.#line();
        this.#function(module, this.#line());
        return;
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        if (typeof module !== 'string' || typeof name !== 'string') {
          this.#fail('found a function whose name is no text');
        }
        this.#function(module, name);
        return;
      }
      case 0x52: // REDUCE
        this.#call();
        return;
      case 0x62: // BUILD
        this.#build();
        return;
      case 0x51: // BINPERSID
        stack.push(
          this.#vocabulary.ofId?.(this.#pop()) ?? this.#fail('found an id of nothing known'),
        );
        return;
      case 0x71: // BINPUT
        this.#remember(this.#uint(1));
        return;
      case 0x72: // LONG_BINPUT
        this.#remember(this.#uint(4));
        return;
      case 0x94: // MEMOIZE
        this.#remember(this.#memo.size);
        return;
      case 0x68: // BINGET
        this.#recall(this.#uint(1));
        return;
      case 0x6a: // LONG_BINGET
        this.#recall(this.#uint(4));
        return;
      default:
        this.#fail(`found instruction 0x${opcode.toString(16)}, which is not known here`);
    }
  }
}

/**
 * Reads a pickle (protocols 2 to 5).
 *
 * @param start  its first byte in `bytes`
 * @returns      its content, where bytes and arrays are views of `bytes`, and the byte behind it
 * @throws PickleError  when it is damaged, or names a function beside those of the vocabulary
 */
export function readPickleAt(
  bytes: Buffer,
  start: number,
  vocabulary: Vocabulary,
): { readonly value: Pickled; readonly end: number } {
  const reader = new Reader(bytes, start, vocabulary);
  const value = reader.read();
  return { value, end: reader.position };
}
