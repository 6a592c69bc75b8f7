/** One item of TF-Slim's TFRecords: a tf.train.Example with a compressed image and its label. */
import type { Feature } from '../../src/messages.ts';
import { messageType } from '../../src/protos.ts';

const exampleType = messageType('example.proto', 'Example');

/** Keys that TF-Slim has, of what is read. */
const imageKey = 'image/encoded';
const labelKey = 'image/class/label';

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
        [imageKey]: bytes(encoded),
        'image/format': bytes(Buffer.from(details.format)),
        [labelKey]: integer(label),
        'image/height': integer(details.height),
        'image/width': integer(details.width),
      },
    },
  });
}

/** The one value of a feature. @throws Error when it has none or several */
function onlyValue<T>(key: string, kind: string, values: readonly T[] = []): T {
  if (values.length === 1) return values[0]!;
  if (values.length === 0) throw new Error(`has no ${kind} "${key}"`);
  throw new Error(
    `has ${values.length} values of "${key}"; expected 1: an item is one image of one class`,
  );
}

/**
 * Reads the payload of a record.
 *
 * @returns  image and label; the image is a view of the payload
 * @throws Error  saying what is missing or there several times, or that it is no Example
 */
export function decodeExample(payload: Buffer): ExampleImage {
  let features: Readonly<Record<string, Feature>>;
  try {
    features = exampleType.decode(payload).features?.feature ?? {};
  } catch (error) {
    throw new Error(`is no tf.train.Example (${(error as Error).message})`);
  }
  const { [imageKey]: image, [labelKey]: classLabel } = features;
  const encoded = onlyValue(imageKey, 'bytes', image?.bytes_list?.value);
  const label = onlyValue(labelKey, 'int64', classLabel?.int64_list?.value);
  return { encoded, label };
}
