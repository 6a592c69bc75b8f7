/** Changes bytes the way that damage and malice do, as values that fast-check draws and shrinks. */
import fc from 'fast-check';

/** One change. Places are shares of the length, 0..1, so that they hold for input of any length. */
type Edit =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'byte'; readonly at: number; readonly value: number }
  | { readonly kind: 'truncate'; readonly at: number }
  | { readonly kind: 'cut'; readonly at: number; readonly length: number }
  | {
      readonly kind: 'double';
      readonly at: number;
      readonly length: number;
      readonly times: number;
    }
  | { readonly kind: 'move'; readonly at: number; readonly length: number; readonly to: number }
  | { readonly kind: 'insert'; readonly at: number; readonly text: string }
  | { readonly kind: 'number'; readonly at: number; readonly form: Form; readonly value: bigint }
  | { readonly kind: 'digits'; readonly at: number; readonly text: string };

/** How a length or a count may be spelled. */
type Form = (typeof forms)[number];
const forms = ['u8', 'u16be', 'u16le', 'u32be', 'u32le', 'u64be', 'u64le', 'varint'] as const;

/** Lengths, counts and offsets that break what takes them as they are. */
const extremes = [
  ...[0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0xffffn, 2n ** 24n, 2n ** 28n],
  ...[
    2n ** 31n - 1n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 53n,
    2n ** 63n - 1n,
    2n ** 63n,
    2n ** 64n - 1n,
  ],
];

/** The same in text. */
const extremeTexts = [
  ...['', '-1', '0', '00', '0.5', '1e999', '-1e999', 'NaN', 'Infinity', '0x10', '2147483648'],
  ...['4294967296', '9007199254740993', '99999999999999999999999999', '9'.repeat(400)],
  ...['null', 'true', '""', '[]', '{}', '"7"', '[1,2]'],
];

/** Pieces that mean something to one reader or another. */
const pieces = [
  ...['\0', '\n', '\r', '\r\n', '\t', ',', '"', '""', '\\', ':', ';', '{', '}', '[', ']', '"}'],
  ...['\uFEFF', '\u202E', '\u2028', '\x1b[2J', '\x07', '\x85', '\xff', 'é', '🙂', ' '],
  ...['../', '/etc/passwd', '..\\', 'C:\\x', '__proto__', 'constructor', '=1+1', '(', '(t', 'R.'],
  ...[' '.repeat(300), '['.repeat(300), '{'.repeat(300), '('.repeat(300), 'A'.repeat(3000)],
];

const share = fc.oneof(
  // Headers and trailers are short, and what they say counts most.
  fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  fc.double({ min: 0, max: 0.08, noNaN: true, maxExcluded: true }),
  fc.double({ min: 0.95, max: 1, noNaN: true, maxExcluded: true }),
);
const length = fc.integer({ min: 1, max: 64 });

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: share, bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('byte' as const), at: share, value: fc.nat(255) }),
  fc.record({ kind: fc.constant('truncate' as const), at: share }),
  fc.record({ kind: fc.constant('cut' as const), at: share, length }),
  fc.record({
    kind: fc.constant('double' as const),
    at: share,
    length,
    times: fc.constantFrom(1, 2, 100),
  }),
  fc.record({ kind: fc.constant('move' as const), at: share, length, to: share }),
  fc.record({ kind: fc.constant('insert' as const), at: share, text: fc.constantFrom(...pieces) }),
  fc.record({
    kind: fc.constant('number' as const),
    at: share,
    form: fc.constantFrom(...forms),
    value: fc.constantFrom(...extremes),
  }),
  fc.record({
    kind: fc.constant('digits' as const),
    at: share,
    text: fc.constantFrom(...extremeTexts),
  }),
);

/** One to four changes. */
export const edits: fc.Arbitrary<readonly Edit[]> = fc.array(edit, { minLength: 1, maxLength: 4 });

function encodeNumber(form: Form, value: bigint): Buffer {
  if (form === 'varint') {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    return Buffer.from([...bytes, Number(rest)]);
  }
  const bits = Number(/\d+/.exec(form)![0]);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(bits, value));
  const number = bytes.subarray(0, bits / 8);
  return form.endsWith('be') ? number.reverse() : number;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function applyEdit(bytes: Buffer, edit: Edit): Buffer {
  const at = Math.floor(edit.at * bytes.length);
  const splice = (from: number, to: number, ...put: readonly Uint8Array[]) =>
    Buffer.concat([bytes.subarray(0, from), ...put, bytes.subarray(to)]);
  switch (edit.kind) {
    case 'flip':
      return splice(at, at + 1, Buffer.of((bytes[at] ?? 0) ^ (1 << edit.bit)));
    case 'byte':
      return splice(at, at + 1, Buffer.of(edit.value));
    case 'truncate':
      return bytes.subarray(0, at);
    case 'cut':
      return splice(at, at + edit.length);
    case 'double': {
      const piece = bytes.subarray(at, at + edit.length);
      return splice(at, at, ...Array.from({ length: edit.times }, () => piece));
    }
    case 'move': {
      const piece = Buffer.from(bytes.subarray(at, at + edit.length));
      const rest = splice(at, at + edit.length);
      const to = Math.floor(edit.to * rest.length);
      return Buffer.concat([rest.subarray(0, to), piece, rest.subarray(to)]);
    }
    case 'insert':
      return splice(at, at, Buffer.from(edit.text));
    case 'number': {
      const number = encodeNumber(edit.form, edit.value);
      return splice(at, at + number.length, number);
    }
    case 'digits': {
      let from = at;
      while (from < bytes.length && !isDigit(bytes[from])) from++;
      let to = from;
      while (isDigit(bytes[to])) to++;
      return splice(from, to, Buffer.from(edit.text));
    }
  }
}

/** The bytes with some changes, one after the other. */
export function applyEdits(bytes: Buffer, edits: readonly Edit[]): Buffer {
  return edits.reduce(applyEdit, bytes);
}
