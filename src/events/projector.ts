/** Files for TensorBoard's Projector tab: points, what is known of them, and their pictures. */
import { join } from 'node:path';
import { writeError } from '../errors.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { replaceFile, replaceFileByParts } from '../files/replaceFile.ts';

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

/** A line for each row; all of them may not fit into one string. */
function* tsv(rows: Iterable<readonly string[]>): Generator<string, void, undefined> {
  for (const row of rows) yield `${row.map(tsvValue).join('\t')}\n`;
}

/** The rows of `vectors.tsv`. */
function* points({ vectors, dimensions, rows }: Embedding) {
  for (let i = 0; i < rows.length; i++) {
    const point = vectors.subarray(i * dimensions, (i + 1) * dimensions);
    yield Array.from(point, (value) => String(Number(value.toPrecision(6))));
  }
}

/**
 * Writes the files into a folder. TensorBoard reads them when it first sees a run there, and not
 * again: the folder's event file has to come after them.
 *
 * @throws WriteError  when one cannot be written
 */
export async function writeEmbedding(folder: string, embedding: Embedding): Promise<void> {
  const { name, columns, rows, sprite } = embedding;
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
  try {
    await makeFolder(folder);
    await replaceFileByParts(join(folder, 'vectors.tsv'), tsv(points(embedding)));
    await replaceFileByParts(join(folder, 'metadata.tsv'), tsv([columns, ...rows]));
    if (sprite !== undefined) {
      await replaceFileByParts(join(folder, 'sprite.png'), [sprite.png]);
    }
    // Last: what it names is there.
    await replaceFile(join(folder, 'projector_config.pbtxt'), config);
  } catch (error) {
    throw writeError(folder, error);
  }
}
