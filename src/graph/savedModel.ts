/** Writes a graph with its entry points as a TensorFlow SavedModel. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../files/makeFolder.ts';
import type { SignatureDef, TensorInfo } from '../messages.ts';
import { messageType } from '../protos.ts';
import type { Graph, Tensor } from './graph.ts';
import { toDataType, toGraphDef, toShapeProto } from './graphDef.ts';

const savedModelType = messageType('saved_model.proto', 'SavedModel');

/** The entry points of a SavedModel: placeholders and fetched tensors by their public names. */
export type SavedModelSignatures = Readonly<
  Record<
    string,
    {
      readonly inputs: Readonly<Record<string, Tensor>>;
      readonly outputs: Readonly<Record<string, Tensor>>;
    }
  >
>;

/** The entry points by what their tensors are called in a SavedModel, such as `conv1/Relu:0`. */
export type NamedSignatures = Readonly<
  Record<
    string,
    {
      readonly inputs: Readonly<Record<string, string>>;
      readonly outputs: Readonly<Record<string, string>>;
    }
  >
>;

function tensorName({ node, index }: Tensor): string {
  return `${node.name}:${index}`;
}

function namesOf(tensors: Readonly<Record<string, Tensor>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tensors).map(([key, tensor]) => [key, tensorName(tensor)]),
  );
}

/** The names of the tensors of entry points in the SavedModel that `writeSavedModel` writes. */
export function namedSignatures(signatures: SavedModelSignatures): NamedSignatures {
  return Object.fromEntries(
    Object.entries(signatures).map(([name, { inputs, outputs }]) => [
      name,
      { inputs: namesOf(inputs), outputs: namesOf(outputs) },
    ]),
  );
}

function toTensorInfos(tensors: Readonly<Record<string, Tensor>>): Record<string, TensorInfo> {
  const infos: Record<string, TensorInfo> = {};
  for (const [key, tensor] of Object.entries(tensors)) {
    infos[key] = {
      name: tensorName(tensor),
      dtype: toDataType(tensor.dtype),
      tensor_shape: toShapeProto(tensor.shape),
    };
  }
  return infos;
}

/**
 * A SavedModel as the bytes of its `saved_model.pb`, with the tag 'serve' and without a variables folder:
 * values are assigned through a signature.
 *
 * @param graph       the whole graph
 * @param signatures  entry points by name
 */
export function encodeSavedModel(graph: Graph, signatures: SavedModelSignatures): Uint8Array {
  const signatureDefs: Record<string, SignatureDef> = {};
  for (const [name, { inputs, outputs }] of Object.entries(signatures)) {
    signatureDefs[name] = {
      inputs: toTensorInfos(inputs),
      outputs: toTensorInfos(outputs),
      method_name: 'tensorflow/serving/predict',
    };
  }
  return savedModelType.encode({
    saved_model_schema_version: 1,
    meta_graphs: [
      {
        meta_info_def: { tags: ['serve'] },
        graph_def: toGraphDef(graph),
        signature_def: signatureDefs,
      },
    ],
  });
}

/**
 * Writes `folder/saved_model.pb`.
 *
 * @param folder  created where it is missing
 */
export async function writeSavedModel(
  folder: string,
  graph: Graph,
  signatures: SavedModelSignatures,
): Promise<void> {
  await makeFolder(folder);
  await writeFile(join(folder, 'saved_model.pb'), encodeSavedModel(graph, signatures));
}
