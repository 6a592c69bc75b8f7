/** Graphs whose variables have become constants: what can be run as it is, with nothing to restore. */
import { type ConstantValue, Graph, type Node, type Tensor } from './graph.ts';
import { nodesBefore } from './walk.ts';

/**
 * Copies what some tensors depend on, each variable as a constant of the name of its first reading.
 *
 * @param tensors  by name, of one graph: placeholders that are to be kept, and outputs
 * @param values   of the variables, by name
 * @returns        the new graph, and the tensors in it by the same names
 * @throws Error   when a variable has no value
 */
export function freeze(
  graph: Graph,
  tensors: Readonly<Record<string, Tensor>>,
  values: Readonly<Record<string, Pick<ConstantValue, 'shape' | 'data'>>>,
): { readonly graph: Graph; readonly tensors: Readonly<Record<string, Tensor>> } {
  const frozen = new Graph();
  const copies = new Map<Tensor, Tensor>();
  const copiedNodes = new Map<Node, Node>();
  const variables = new Map(
    [...graph.variables.values()].map((variable) => [variable.handle, variable]),
  );
  const needed = nodesBefore(Object.values(tensors));
  for (const node of graph.nodes) {
    if (!needed.has(node) || node.op === 'VarHandleOp') continue;
    const variable = node.op === 'ReadVariableOp' ? variables.get(node.inputs[0]!) : undefined;
    const value = variable && values[variable.name];
    if (variable !== undefined && value === undefined) {
      throw new Error(`freeze: no value for the variable ${variable.name}`);
    }
    const copy = frozen.addNode(
      value === undefined
        ? {
            ...node,
            inputs: node.inputs.map((input) => copies.get(input)!),
            controlInputs: node.controlInputs.map((control) => copiedNodes.get(control)!),
          }
        : {
            op: 'Const',
            name: node.name,
            attrs: {
              dtype: { type: 'float32' },
              value: { tensor: { dtype: 'float32', shape: value.shape, data: value.data } },
            },
            outputs: node.outputs,
          },
    );
    copiedNodes.set(node, copy);
    node.outputs.forEach((output, i) => {
      copies.set(output, copy.outputs[i]!);
    });
  }
  return {
    graph: frozen,
    tensors: Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [name, copies.get(tensor)!]),
    ),
  };
}
