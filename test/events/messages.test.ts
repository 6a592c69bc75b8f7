import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageType } from '../../src/protos.ts';

const entryType = messageType('tensor_bundle.proto', 'BundleEntryProto');

test('the compiler knows the messages of each file, their fields and enumerations', () => {
  const entry = { dtype: 'DT_FLOAT', size: 4 } as const;
  assert.deepEqual(entryType.decode(entryType.encode(entry)), entry);
  // @ts-expect-error  the field is called shard_id
  assert.equal(entryType.encode({ shard: 1 }).length, 0);
  // @ts-expect-error  there is no such type
  assert.throws(() => entryType.encode({ dtype: 'DT_FLOAT32', shape: 1 }));
  // @ts-expect-error  the file has no such message
  const absent = messageType('event.proto', 'GraphDefs');
  assert.throws(() => absent.decode(Buffer.alloc(0)), /no such type/);
});

test('what a message lacks stays absent, also a size beside one of 0', () => {
  const slices = [{ extent: [{}, { start: 2, length: 0 }, { length: 3 }] }];
  assert.deepEqual(entryType.decode(entryType.encode({ slices })), { slices });
});

test('numbers beyond 32 bits are numbers, and bytes are views of what is decoded', () => {
  const offset = 2 ** 40 + 1;
  assert.deepEqual(entryType.decode(entryType.encode({ offset })), { offset });
  const exampleType = messageType('example.proto', 'Example');
  const bytes = exampleType.encode({
    features: { feature: { image: { bytes_list: { value: [Uint8Array.of(7, 8)] } } } },
  });
  const image = exampleType.decode(bytes).features?.feature?.['image']?.bytes_list?.value?.[0];
  assert.deepEqual([...image!], [7, 8]);
  assert.equal(image!.buffer, bytes.buffer);
});
