/** One item of TF-Slim's TFRecords: a tf.train.Example with a compressed image and its label. */
import type { Feature } from '../../src/messages.ts';
import { messageType } from '../../src/protos.ts';

const exampleType = messageType('example.proto', 'Example');

/** What a record holds. */
export interface ExampleImage {
  /** PNG or JPEG. */
  readonly encoded: Uint8Array;
  readonly label: number;
}

/** What is written beside the image. */
export interface ExampleDetails {
  readonly format: 'png' | 'jpg';
  readonly height: number;
  readonly width: number;
}

/** @returns  the payload of a record, with the keys that TF-Slim has */
export function encodeExample(
  { encoded, label }: ExampleImage,
  details: ExampleDetails,
): Uint8Array {
  const bytes = (value: Uint8Array) => ({ bytes_list: { value: [value] } });
  const integer = (value: number) => ({ int64_list: { value: [value] } });
  return exampleType.encode({
    features: {
      feature: {
        'image/encoded': bytes(encoded),
        'image/format': bytes(Buffer.from(details.format)),
        'image/class/label': integer(label),
        'image/height': integer(details.height),
        'image/width': integer(details.width),
      },
    },
  });
}

/**
 * Reads the payload of a record.
 *
 * @returns  image and label; the image is a view of the payload
 * @throws Error  saying what is missing, or that it is no Example
 */
export function decodeExample(payload: Buffer): ExampleImage {
  let features: Readonly<Record<string, Feature>>;
  try {
    features = exampleType.decode(payload).features?.feature ?? {};
  } catch (error) {
    throw new Error(`is no tf.train.Example (${(error as Error).message})`);
  }
  const encoded = features['image/encoded']?.bytes_list?.value?.[0];
  if (encoded === undefined) throw new Error('has no bytes "image/encoded"');
  const label = features['image/class/label']?.int64_list?.value?.[0];
  if (label === undefined) throw new Error('has no int64 "image/class/label"');
  return { encoded, label };
}
