/** Reads TensorFlow's checkpoint format V1, in which TF-Slim's models of 2016 are published: one file. */
import { readFile } from 'node:fs/promises';
import { excerpt, UserError, unreadable } from '../errors.ts';
import type { SavedTensorSlices } from '../messages.ts';
import { messageType } from '../protos.ts';
import { encodeSliceKey } from './sliceKey.ts';
import { decodeTable } from './sortedTable.ts';
import {
  assembleSlices,
  type CheckpointTensor,
  dimensionsOf,
  extentsOf,
  type TensorBundle,
} from './tensorBundle.ts';

const slicesType = messageType('saved_tensor_slice.proto', 'SavedTensorSlices');

/**
 * Opens a checkpoint of format V1. Only float32 tensors are read: what networks are made of.
 *
 * @param path  of its file, such as `DIR/resnet_v1_50.ckpt`
 * @throws UserError  naming file and byte offset, when it is damaged or something else
 */
export async function openCheckpointV1(path: string): Promise<TensorBundle> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  const table = decodeTable(path, bytes);
  const decode = (key: string): SavedTensorSlices => {
    const value = table.get(key);
    if (value === undefined) throw new UserError(`${path}: holds no entry "${excerpt(key)}".`);
    try {
      return slicesType.decode(value);
    } catch (error) {
      throw new UserError(
        `${path}: the entry "${excerpt(key)}" is damaged (${(error as Error).message}).`,
      );
    }
  };
  const tensors = new Map(
    (decode('').meta?.tensor ?? []).map((tensor) => [tensor.name ?? '', tensor]),
  );
  const shapeOf = (name: string) => dimensionsOf(tensors.get(name)?.shape);

  const read = async (name: string): Promise<CheckpointTensor> => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new UserError(`${path}: holds no tensor "${excerpt(name)}".`);
    if (tensor.type !== 'DT_FLOAT') {
      throw new UserError(
        `${path}: "${excerpt(name)}" is ${tensor.type ?? 'DT_INVALID'}; expected DT_FLOAT.`,
      );
    }
    const shape = shapeOf(name);
    const total = shape.reduce((a, b) => a * b, 1);
    let elements = 0;
    const parts = (tensor.slice ?? []).map((slice) => {
      const extents = extentsOf(slice, shape.length);
      const latin1Name = Buffer.from(name).toString('latin1');
      const values = decode(encodeSliceKey(latin1Name, extents)).data?.data?.float_val ?? [];
      elements += values.length;
      // Slices that are named again and again would take far more memory than the file.
      if (elements > total) {
        throw new UserError(
          `${path}: the slices of "${excerpt(name)}" hold more than the ${total} elements of [${excerpt(String(shape))}].`,
        );
      }
      const partShape = shape.map((size, axis) => extents[axis]!.length ?? size);
      return { extents, part: { shape: partShape, data: Float32Array.from(values) } };
    });
    return assembleSlices(path, name, shape, parts);
  };
  return { shapes: new Map([...tensors.keys()].map((name) => [name, shapeOf(name)])), read };
}
