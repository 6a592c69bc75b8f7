/** Where TensorFlow's GPU build would run a graph: what of it has a GPU kernel, and what goes back to the host. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node, Tensor } from '../../src/graph/graph.ts';
import { packageRoot } from '../../src/packageRoot.ts';

/** The types that a kernel takes by attribute, and which arguments it has in the host's memory. */
type Kernel = Readonly<Record<string, readonly string[]>>;

interface Operation {
  /** NAME, or NAME*ATTRIBUTE for as many tensors as the attribute says. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly kernels: readonly Kernel[];
}

/** What test/python/gpu_kernels.py found. */
export const gpuKernels = JSON.parse(
  readFileSync(join(packageRoot, 'test/engines/gpuKernels.golden.json'), 'utf8'),
) as { readonly tensorflow: string; readonly operations: Readonly<Record<string, Operation>> };

function typesOf({ attrs }: Node, name: string): readonly string[] {
  const attr = attrs[name];
  if (attr !== undefined && 'type' in attr) return [attr.type];
  return attr !== undefined && 'types' in attr ? attr.types : [];
}

function kernelOf(node: Node): Kernel | undefined {
  return gpuKernels.operations[node.op]?.kernels.find((kernel) =>
    Object.entries(kernel).every(
      ([name, types]) =>
        name === 'host' || typesOf(node, name).every((type) => types.includes(type)),
    ),
  );
}

/** The name of the argument that each tensor of a node is. */
function argumentNames({ attrs }: Node, listed: readonly string[]): string[] {
  return listed.flatMap((argument) => {
    const [name = '', several] = argument.split('*');
    if (several === undefined) return [name];
    const attr = attrs[several];
    if (attr !== undefined && 'i' in attr) return new Array<string>(attr.i).fill(name);
    return attr !== undefined && 'types' in attr ? attr.types.map(() => name) : [];
  });
}

/** "Conv2D T=bfloat16": an operation with the types that it has here. */
function describeTypes({ op, attrs }: Node): string {
  const types = Object.entries(attrs).flatMap(([name, attr]) => {
    if ('type' in attr) return [`${name}=${attr.type}`];
    return 'types' in attr ? [`${name}=${attr.types.join('+')}`] : [];
  });
  return [op, ...types].join(' ');
}

/** What of some nodes has no kernel on a GPU: operations with their types, each once. */
export function withoutGpuKernel(nodes: Iterable<Node>): string[] {
  const missing = [...nodes].filter((node) => kernelOf(node) === undefined);
  return [...new Set(missing.map(describeTypes))];
}

/** Whether a GPU leaves a tensor in its own memory. What is fed comes from the host. */
function isOnGpu({ node, index, dtype }: Tensor): boolean {
  if (node.op === 'Placeholder' || dtype === 'resource') return false;
  const name = argumentNames(node, gpuKernels.operations[node.op]!.outputs)[index]!;
  return kernelOf(node)?.['host']?.includes(name) !== true;
}

/** Operations with their types that a GPU's kernels leave to the host: what they make is never on the GPU. */
export function onHost(nodes: Iterable<Node>): string[] {
  const made = [...nodes].flatMap(({ outputs }) => outputs);
  const hosts = made.filter(({ node, dtype }) => dtype !== 'resource' && node.op !== 'Placeholder');
  return [
    ...new Set(hosts.filter((tensor) => !isOnGpu(tensor)).map(({ node }) => describeTypes(node))),
  ];
}

/**
 * Where a value goes from a GPU back to the host within some nodes, so that the host waits for the GPU:
 * 'OP.argument ← OP' of the node that takes it and the one that makes it, each once.
 */
export function waysBackToHost(nodes: Iterable<Node>): string[] {
  const ways = [...nodes].flatMap((node) => {
    const names = argumentNames(node, gpuKernels.operations[node.op]?.inputs ?? []);
    const host = kernelOf(node)?.['host'] ?? [];
    return node.inputs.flatMap((input, i) =>
      host.includes(names[i]!) && isOnGpu(input)
        ? [`${node.op}.${names[i]} ← ${input.node.op}`]
        : [],
    );
  });
  return [...new Set(ways)];
}
