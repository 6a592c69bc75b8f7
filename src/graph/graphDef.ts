/** The graph as TensorFlow's GraphDef message: what SavedModels and TensorBoard's Graphs tab hold. */
import type {
  AttrValue,
  DataType,
  GraphDef,
  NodeDef,
  TensorProto,
  TensorShapeProto,
} from '../messages.ts';
import { messageType } from '../protos.ts';
import type { Attr, ConstantValue, DType, Graph, Node, Shape, Tensor } from './graph.ts';

const graphDefType = messageType('graph.proto', 'GraphDef');

const dataTypes: Readonly<Record<DType, DataType>> = {
  float32: 'DT_FLOAT',
  bfloat16: 'DT_BFLOAT16',
  int32: 'DT_INT32',
  int64: 'DT_INT64',
  uint8: 'DT_UINT8',
  bool: 'DT_BOOL',
  resource: 'DT_RESOURCE',
};

/** The GraphDef version that the written nodes follow; TensorFlow 2.x accepts it. */
const producerVersion = 1395;

/** "node" or "node:1": how TensorFlow's NodeDef.input names a tensor. */
function tensorName(tensor: Tensor): string {
  return tensor.index === 0 ? tensor.node.name : `${tensor.node.name}:${tensor.index}`;
}

/** A dtype as the DataType enumeration of graph.proto names it. */
export function toDataType(dtype: DType): DataType {
  return dataTypes[dtype];
}

/** A shape as a TensorShapeProto message. */
export function toShapeProto(shape: Shape): TensorShapeProto {
  return { dim: shape.map((size) => ({ size })) };
}

function toTensorProto({ dtype, shape, data }: ConstantValue): TensorProto {
  const wide = dtype === 'int64' ? BigInt64Array.from(data, (value) => BigInt(value)) : data;
  const bytes = dtype === 'bool' ? Uint8Array.from(data) : wide;
  return {
    dtype: toDataType(dtype),
    tensor_shape: toShapeProto(shape),
    tensor_content: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  };
}

function toAttrValue(attr: Attr): AttrValue {
  if ('type' in attr) return { type: toDataType(attr.type) };
  if ('types' in attr) return { list: { type: attr.types.map(toDataType) } };
  if ('shape' in attr) return { shape: toShapeProto(attr.shape) };
  if ('ints' in attr) return { list: { i: attr.ints } };
  if ('tensor' in attr) return { tensor: toTensorProto(attr.tensor) };
  if ('s' in attr) return { s: Buffer.from(attr.s) };
  return attr;
}

function toNodeDef(node: Node): NodeDef {
  const attr: Record<string, AttrValue> = {};
  for (const [name, value] of Object.entries(node.attrs)) attr[name] = toAttrValue(value);
  return {
    name: node.name,
    op: node.op,
    input: [
      ...node.inputs.map(tensorName),
      ...node.controlInputs.map((control) => `^${control.name}`),
    ],
    device: node.device,
    attr,
  };
}

/** The graph as a GraphDef message. */
export function toGraphDef(graph: Graph): GraphDef {
  return { node: graph.nodes.map(toNodeDef), versions: { producer: producerVersion } };
}

/** The serialized GraphDef, with the shape of every output for the edges of TensorBoard's Graphs tab. */
export function encodeGraphDef(graph: Graph): Uint8Array {
  return graphDefType.encode({
    node: graph.nodes.map((node) => {
      const nodeDef = toNodeDef(node);
      const shapes = { list: { shape: node.outputs.map(({ shape }) => toShapeProto(shape)) } };
      return { ...nodeDef, attr: { ...nodeDef.attr, _output_shapes: shapes } };
    }),
    versions: { producer: producerVersion },
  });
}
