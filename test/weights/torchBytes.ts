/** Files of PyTorch's as it wrote them before version 1.6, made here byte by byte. */

/** A float tensor of such a file. */
export interface MadeTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const ascii = (text: string) => Buffer.from(text, 'latin1');

/** Instructions of a pickle, by the names of Python's pickletools. */
const op = {
  pickle: (...parts: Buffer[]) => Buffer.concat([Buffer.of(0x80, 2), ...parts, ascii('.')]),
  text: (value: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(value.length);
    return Buffer.concat([ascii('X'), length, ascii(value)]);
  },
  int: (value: number) => {
    const bytes = Buffer.alloc(5);
    bytes.write('J', 'latin1');
    bytes.writeInt32LE(value, 1);
    return bytes;
  },
  global: (module: string, name: string) => ascii(`c${module}\n${name}\n`),
  tuple: (...items: Buffer[]) => Buffer.concat([ascii('('), ...items, ascii('t')]),
};

/** The pickle of a call of a function with one text, as an attack has it. */
export function callOf(module: string, name: string, argument: string): Buffer {
  return Buffer.concat([op.global(module, name), op.tuple(op.text(argument)), ascii('R')]);
}

function tensorOf({ shape }: MadeTensor, key: string, size: number): Buffer {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const storage = op.tuple(
    op.text('storage'),
    op.global('torch', 'FloatStorage'),
    op.text(key),
    op.text('cpu'),
    op.int(size),
    ascii('N'),
  );
  const args = op.tuple(
    Buffer.concat([storage, ascii('Q')]),
    op.int(0),
    op.tuple(...shape.map(op.int)),
    op.tuple(...strides.map(op.int)),
    Buffer.of(0x89),
    Buffer.concat([op.global('collections', 'OrderedDict'), ascii(')R')]),
  );
  return Buffer.concat([op.global('torch._utils', '_rebuild_tensor_v2'), args, ascii('R')]);
}

/**
 * A file with a state dict of these tensors.
 *
 * @param extra  a value that stands in the dict, too, as instructions of its pickle
 */
export function torchBytes(tensors: readonly MadeTensor[], extra?: Buffer): Buffer {
  const magic = Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex');
  const system = [ascii('}('), op.text('little_endian'), Buffer.of(0x88), ascii('u')];
  const items = tensors.flatMap((tensor, i) => [
    op.text(tensor.name),
    tensorOf(tensor, `${i}`, tensor.values.length),
  ]);
  if (extra !== undefined) items.push(op.text('extra'), extra);
  const keys = tensors.map((_, i) => op.text(`${i}`));
  const values = tensors.flatMap(({ values: numbers }) => {
    const size = Buffer.alloc(8);
    size.writeBigInt64LE(BigInt(numbers.length));
    return [size, Buffer.from(Float32Array.from(numbers).buffer)];
  });
  return Buffer.concat([
    op.pickle(magic),
    op.pickle(op.int(1001)),
    op.pickle(...system),
    op.pickle(op.global('collections', 'OrderedDict'), ascii(')R('), ...items, ascii('u')),
    op.pickle(ascii(']('), ...keys, ascii('e')),
    ...values,
  ]);
}
