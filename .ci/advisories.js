/**
 * Says in one line which published advisories hold for the packages that users install (`npm run advisories`).
 * Status 1: there are some; status 2: the service cannot be reached, so nothing is known.
 */
import { spawnSync } from 'node:child_process';

const levels = ['critical', 'high', 'moderate', 'low', 'info'];

const { stdout, error } = spawnSync('npm', ['audit', '--json', '--omit=dev'], { encoding: 'utf8' });

/** What npm answered, or why it did not. */
function readAnswer() {
  if (error !== undefined) return { message: error.message };
  try {
    return JSON.parse(stdout);
  } catch {
    return { message: 'npm wrote no JSON' };
  }
}

const answer = readAnswer();
const counts = answer.metadata?.vulnerabilities;
if (counts === undefined) {
  const reason = String(answer.message ?? answer.error?.summary ?? 'no reason given').split(
    '\n',
  )[0];
  console.error(`advisories: not known, as npm's service of advisories does not answer: ${reason}`);
  process.exitCode = 2;
} else if (counts.total === 0) {
  console.log(`advisories: none for ${answer.metadata.dependencies.prod} packages`);
} else {
  const found = levels.filter((level) => counts[level] > 0);
  const named = Object.values(answer.vulnerabilities).map(
    ({ name, severity }) => `${name} (${severity})`,
  );
  const numbers = found.map((level) => `${counts[level]} ${level}`).join(', ');
  console.log(`advisories: ${numbers}: ${named.join(', ')}`);
  process.exitCode = 1;
}
