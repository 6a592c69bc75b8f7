/** The other workers, as the chief has to do with them. */
import { startAgain } from '../engines/distributed/presence.ts';
import { UserError } from '../errors.ts';
import type { StepPart } from '../model/jointOutcome.ts';
import { Arrivals } from './arrivals.ts';
import type { Cluster } from './cluster.ts';
import type { Fingerprint, Letter, LetterToChief } from './letters.ts';
import type { Mailbox } from './mailbox.ts';

/** Steps after which workers hear how far the chief is. */
const paceSteps = 8;

/** What differs between two fingerprints, for people; undefined when nothing does. */
function differenceOf(chief: Fingerprint, other: Fingerprint): string | undefined {
  const differing = [...new Set([...Object.keys(chief), ...Object.keys(other)])].filter(
    (what) => chief[what] !== other[what],
  );
  if (differing.length === 0) return undefined;
  const shown = (value = 'none') => (value.length > 24 ? `${value.slice(0, 12)}…` : value);
  return differing
    .map((what) => `${what} ${shown(other[what])}, the chief ${shown(chief[what])}`)
    .join('; ');
}

/** All workers of a training, led by this one. */
export class Team {
  readonly #cluster: Cluster;
  readonly #mailbox: Mailbox<Letter>;
  readonly #joined = new Set<number>();
  /** Parts that came before their turn, by worker. */
  readonly #parts = new Map<number, { readonly step: number; readonly part: StepPart }[]>();
  readonly #left = new Set<number>();
  readonly #arrivals = new Arrivals();
  readonly #report: (line: string) => void;

  private constructor(cluster: Cluster, mailbox: Mailbox<Letter>, report: (line: string) => void) {
    this.#cluster = cluster;
    this.#mailbox = mailbox;
    this.#report = report;
  }

  /**
   * Waits until all workers have joined. One that would train something else is sent away, and another waited for.
   *
   * @param report      takes a line for each that is sent away
   * @throws UserError  naming those that have not joined in time
   */
  static async gather(
    cluster: Cluster,
    fingerprint: Fingerprint,
    report: (line: string) => void,
  ): Promise<Team> {
    const team = new Team(cluster, await cluster.openMailbox(), report);
    const { others, place, servers, engine } = cluster;
    for (const server of servers) await team.#mailbox.send(server, { kind: 'began' });
    if (others.length === 0) return team;
    void team.#readLetters(fingerprint, report);
    const timer = setTimeout(() => {
      const missing = others.filter(({ index }) => !team.#joined.has(index));
      const names = missing.map((task) => cluster.describe(task)).join(', ');
      engine.abandon(
        new UserError(
          `cluster: ${names} did not join within ${place.timeoutSeconds} s; expected every worker to be started. Wait longer with --cluster_timeout_secs.`,
        ),
      );
    }, 1000 * place.timeoutSeconds);
    try {
      await team.#arrivals.until(() => team.#joined.size === others.length || undefined);
    } finally {
      clearTimeout(timer);
    }
    cluster.watch([...servers, ...others], report);
    return team;
  }

  /** Has all go on after so many steps, with items to monitor. */
  async beginEpoch(step: number, monitored: readonly number[]): Promise<void> {
    await this.#tellAll({ kind: 'epoch', step, monitored });
  }

  /**
   * Waits for the other workers' parts of a step.
   *
   * @param step  steps done with this one, one more at each call
   * @returns     theirs, in the order of their items in the joint batch
   */
  async partsOf(step: number): Promise<StepPart[]> {
    const parts: StepPart[] = [];
    for (const { index } of this.#cluster.others) {
      const next = await this.#arrivals.until(() => this.#parts.get(index)?.shift());
      if (next.step !== step) {
        throw new Error(`worker ${index}: sent step ${next.step}; expected step ${step}`);
      }
      parts.push(next.part);
    }
    if (step % paceSteps === 0) await this.#tellAll({ kind: 'recorded', step });
    return parts;
  }

  /** Lets the other workers go, whose steps have ended; resolves when they have left. */
  async dismiss(): Promise<void> {
    const { others, servers } = this.#cluster;
    this.#cluster.watch(servers, this.#report);
    await this.#tellAll({ kind: 'over' });
    await this.#arrivals.until(() => this.#left.size === others.length || undefined);
  }

  /** Lets the parameter servers go: nothing is wanted of them any more. */
  async dismissServers(): Promise<void> {
    this.#cluster.engine.endWatch();
    for (const server of this.#cluster.servers) {
      await this.#mailbox.send(server, { kind: 'over' });
    }
    await this.#mailbox.close();
  }

  async #tellAll(letter: Letter): Promise<void> {
    for (const task of this.#cluster.others) await this.#mailbox.send(task, letter);
  }

  /** Takes letters until all workers have left. */
  async #readLetters(fingerprint: Fingerprint, report: (line: string) => void): Promise<void> {
    try {
      while (this.#left.size < this.#cluster.others.length) {
        const letter = (await this.#mailbox.receive()) as LetterToChief;
        if (letter.kind === 'join') await this.#answerJoin(letter, fingerprint, report);
        else if (letter.kind === 'left') this.#left.add(letter.worker);
        else {
          const { worker, step, part } = letter;
          const waiting = this.#parts.get(worker) ?? [];
          waiting.push({ step, part });
          this.#parts.set(worker, waiting);
        }
        this.#arrivals.announce();
      }
    } catch (error) {
      this.#arrivals.fail(error);
    }
  }

  async #answerJoin(
    { worker, fingerprint }: Extract<LetterToChief, { readonly kind: 'join' }>,
    own: Fingerprint,
    report: (line: string) => void,
  ): Promise<void> {
    const task = { job: 'worker', index: worker } as const;
    if (this.#joined.has(worker)) {
      // What it had given of a step is lost, and nobody knows how much that was.
      const reason = new UserError(
        `cluster: ${this.#cluster.describe(task)} was started again while the others went on. ${startAgain}`,
      );
      this.#cluster.engine.abandon(reason);
      throw reason;
    }
    const difference = differenceOf(own, fingerprint);
    if (difference === undefined) {
      this.#joined.add(worker);
      return;
    }
    report(`cluster: ${this.#cluster.describe(task)} was sent away: it ${difference}`);
    await this.#mailbox.send(task, { kind: 'refused', reason: difference });
  }
}
