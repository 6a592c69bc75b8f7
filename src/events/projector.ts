/** Files for TensorBoard's Projector tab: points, what is known of them, and their pictures. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Points to look at. */
export interface Embedding {
  /** Name that the tab shows. */
  readonly name: string;
  /** [points, dimensions], row-major. */
  readonly vectors: Float32Array;
  readonly dimensions: number;
  /** Names of what is known of each point; at least two. */
  readonly columns: readonly string[];
  /** A row for each point, a value for each column. */
  readonly rows: readonly (readonly string[])[];
  /** A PNG file of square tiles, row by row, as many in a row as there are rows. */
  readonly sprite?: { readonly png: Uint8Array; readonly tileSide: number };
}

/** Most pixels on a side of a sprite that TensorBoard takes. */
export const maxSpriteSide = 8192;

/** A value in a file of tab-separated values. */
function tsvValue(value: string): string {
  return value.replace(/[\t\r\n]+/g, ' ');
}

function tsv(rows: Iterable<readonly string[]>): string {
  return Array.from(rows, (row) => `${row.map(tsvValue).join('\t')}\n`).join('');
}

/**
 * Writes the files into a folder. TensorBoard reads them when it first sees a run there, and not
 * again: the folder's event file has to come after them.
 */
export async function writeEmbedding(folder: string, embedding: Embedding): Promise<void> {
  const { name, vectors, dimensions, columns, rows, sprite } = embedding;
  await mkdir(folder, { recursive: true });
  const points = rows.map((_, i) =>
    Array.from(vectors.subarray(i * dimensions, (i + 1) * dimensions), (value) =>
      String(Number(value.toPrecision(6))),
    ),
  );
  await writeFile(join(folder, 'vectors.tsv'), tsv(points));
  await writeFile(join(folder, 'metadata.tsv'), tsv([columns, ...rows]));
  if (sprite !== undefined) await writeFile(join(folder, 'sprite.png'), sprite.png);
  const config = [
    'embeddings {',
    `  tensor_name: ${JSON.stringify(name)}`,
    '  tensor_path: "vectors.tsv"',
    '  metadata_path: "metadata.tsv"',
    ...(sprite === undefined
      ? []
      : [
          '  sprite {',
          '    image_path: "sprite.png"',
          `    single_image_dim: ${sprite.tileSide}`,
          `    single_image_dim: ${sprite.tileSide}`,
          '  }',
        ]),
    '}',
    '',
  ].join('\n');
  // Last: what it names is there.
  await writeFile(join(folder, 'projector_config.pbtxt'), config);
}
