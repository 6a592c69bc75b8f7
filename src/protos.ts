/** Encodes and decodes the messages of `proto/*.proto`, with their types of messages.ts. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type protobufPackage from 'protobufjs';
import type textformatPackage from 'protobufjs/ext/textformat.js';
import type * as messages from './messages.ts';
import { packageRoot } from './packageRoot.ts';

// An import would first search all their files for names that they export.
const require = createRequire(import.meta.url);
const protobuf = require('protobufjs') as typeof protobufPackage;

/** The messages that are written or read whole, and the file of `proto/` that has each. */
interface Messages {
  readonly 'graph.proto': { readonly GraphDef: messages.GraphDef };
  readonly 'cluster.proto': {
    readonly ServerDef: messages.ServerDef;
    readonly ConfigProto: messages.ConfigProto;
    readonly RunOptions: messages.RunOptions;
    readonly GetStatusResponse: messages.GetStatusResponse;
  };
  readonly 'saved_model.proto': { readonly SavedModel: messages.SavedModel };
  readonly 'event.proto': { readonly Event: messages.Event };
  readonly 'hparams.proto': { readonly HParamsPluginData: messages.HParamsPluginData };
  readonly 'pr_curve.proto': { readonly PrCurvePluginData: messages.PrCurvePluginData };
  readonly 'tensor_bundle.proto': {
    readonly BundleHeaderProto: messages.BundleHeaderProto;
    readonly BundleEntryProto: messages.BundleEntryProto;
  };
  readonly 'saved_tensor_slice.proto': { readonly SavedTensorSlices: messages.SavedTensorSlices };
  readonly 'checkpoint_state.proto': { readonly CheckpointState: messages.CheckpointState };
  readonly 'example.proto': { readonly Example: messages.Example };
}

/** A type of messages. Fields that a message lacks have the default of their type, which is not filled in. */
export interface MessageType<Message> {
  /**
   * @param reserve  gives the memory of so many bytes that the wire format is to be in; memory of its own by default
   * @returns        the wire format
   */
  encode(message: Message, reserve?: (bytes: number) => Buffer): Buffer;
  /** @throws Error  when the bytes are no message of this type; `bytes` fields are views of them */
  decode(bytes: Uint8Array): Message;
  /** @throws Error  when the text is not the text format of such a message */
  fromText(text: string): Message;
}

/** What the last message was written with, unless it was a large one: memory that is new for each costs more. */
let spareWriter: protobufPackage.Writer | undefined;
const maxSpareBytes = 2 ** 20;

const roots = new Map<string, protobufPackage.Root>();

/** What a file of `proto/` declares; read at its first use, as a command needs few of them. */
function rootOf(file: string): protobufPackage.Root {
  let root = roots.get(file);
  if (root === undefined) {
    root = new protobuf.Root();
    root.resolvePath = (_origin, target) => join(packageRoot, 'proto', target);
    root.loadSync(file, { keepCase: true });
    roots.set(file, root);
  }
  return root;
}

/**
 * One type of messages of `proto/`.
 *
 * @param file  name inside `proto/`
 * @param name  of a message in it
 */
export function messageType<File extends keyof Messages, Name extends keyof Messages[File]>(
  file: File,
  name: Name & string,
): MessageType<Messages[File][Name]> {
  let found: protobufPackage.Type | undefined;
  const type = () => {
    found ??= rootOf(file).lookupType(name);
    return found;
  };
  const toMessage = (message: protobufPackage.Message) =>
    type().toObject(message, { enums: String, longs: Number }) as Messages[File][Name];
  return {
    encode: (message, reserve = Buffer.allocUnsafe) => {
      const writer = spareWriter ?? protobuf.Writer.create();
      // Not the next one's where this one fails.
      spareWriter = undefined;
      type().encode(type().fromObject(message as object), writer);
      const { pos } = writer;
      const bytes = writer.finishInto(reserve(pos));
      if (pos <= maxSpareBytes) spareWriter = writer.reset();
      return bytes;
    },
    decode: (bytes) => toMessage(type().decode(bytes)),
    fromText: (text) => {
      const textformat = require('protobufjs/ext/textformat.js') as typeof textformatPackage;
      return toMessage(textformat.fromText(type(), text));
    },
  };
}
