/** Loads the message types of `proto/*.proto`. */
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { packageRoot } from './packageRoot.ts';

/**
 * Reads one file of `proto/` (and what it imports).
 *
 * @param file  name inside `proto/`, such as 'graph.proto'
 * @returns     the root to look message types up in; field names are kept as TensorFlow spells them
 */
export function loadProto(file: string): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(packageRoot, 'proto', target);
  return root.loadSync(file, { keepCase: true });
}

/**
 * Encodes a message.
 *
 * @param type     message type of `loadProto`
 * @param message  plain object with the type's field names
 * @returns        its wire format
 */
export function encode(type: protobuf.Type, message: Record<string, unknown>): Uint8Array {
  return type.encode(type.fromObject(message)).finish();
}
