/** Archives, and pickles of weights. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create } from 'tar';
import { unpackFiles } from '../../src/files/unpackFiles.ts';
import { readTorchFile } from '../../src/weights/torchFile.ts';
import { torchBytes } from '../weights/torchBytes.ts';
import type { Format } from './hostile.ts';

const headerBytes = 512;

/** The archive with the checksum that the header at the beginning of each entry should have. */
function withChecksums(archive: Buffer, starts: readonly number[]): Buffer {
  const bytes = Buffer.from(archive);
  for (const start of starts) {
    const header = bytes.subarray(start, start + headerBytes);
    if (header.length < headerBytes) continue;
    header.fill(' ', 148, 156);
    const sum = header.reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return bytes;
}

function tar(name: string, pack: (bytes: Buffer) => Buffer, isRepaired: boolean): Format {
  return {
    name,
    open: async (folder) => {
      const source = join(folder, 'source');
      await mkdir(join(source, 'a'), { recursive: true });
      await writeFile(join(source, 'a', 'one.bin'), 'one');
      await writeFile(join(source, 'a', 'two.bin'), 'two');
      const parts: Buffer[] = [];
      const stream = create({ cwd: source, portable: true }, ['a/one.bin', 'a/two.bin']);
      for await (const part of stream) parts.push(part as Buffer);
      const archive = join(folder, 'archive.tar');
      const target = join(folder, 'target');
      const before = [...(await readdir(folder)), 'archive.tar', 'target'].sort().join();
      return {
        samples: [Buffer.concat(parts)],
        read: async (input) => {
          // A file of an archive that was refused may still be on its way there.
          await rm(target, { recursive: true, force: true, maxRetries: 5 });
          await mkdir(target);
          const starts = isRepaired ? [0, 2 * headerBytes] : [];
          await writeFile(archive, pack(withChecksums(input, starts)));
          const unpacked = await unpackFiles(archive, target, ['a/one.bin', 'a/two.bin']).catch(
            (error: Error) => error,
          );
          const found = [
            ...(await readdir(folder)),
            ...(await readdir(target, { recursive: true })),
          ].filter((file) => !['a', join('a', 'one.bin'), join('a', 'two.bin')].includes(file));
          if (found.sort().join() !== before) throw new Error(`unpacked ${found}`);
          if (unpacked instanceof Error) throw unpacked;
        },
      };
    },
  };
}

const torch: Format = {
  name: 'PyTorch file',
  open: async (folder) => {
    const path = join(folder, 'weights.pth');
    const bytes = torchBytes([
      { name: 'conv.weight', shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
      { name: 'conv.bias', shape: [2], values: [1, 2] },
    ]);
    return { samples: [bytes], read: async (input) => readTorchFile(path, input) };
  },
};

/** By what reads them. */
export const archiveFormats: readonly Format[] = [
  tar('tar', (bytes) => bytes, false),
  tar('tar.gz, headers', (bytes) => gzipSync(bytes, { level: 1 }), true),
  torch,
];
