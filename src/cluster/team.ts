/** The other workers, as the chief has to do with them. */
import { chief, type Task } from '../engines/distributed/hosts.ts';
import { waitAloud } from '../engines/distributed/longWait.ts';
import {
  type GoneError,
  goneError,
  nameAsFound,
  silenceLine,
  silentSeconds,
  Watch,
} from '../engines/distributed/presence.ts';
import { UserError } from '../errors.ts';
import type { StepPart } from '../model/jointOutcome.ts';
import { Arrivals } from './arrivals.ts';
import type { Cluster } from './cluster.ts';
import type { Fingerprint, Letter, LetterFromChief, LetterToChief, PartPlace } from './letters.ts';
import type { Mailbox } from './mailbox.ts';
import { PartDealer } from './partDealer.ts';
import type { Updating } from './updating.ts';

/** How long a step that all have begun is waited for without a word: it may be a large one. */
const quietSeconds = 240;
/** Steps that a worker is before the chief at most, where it updates for itself: its parts wait in the chief's memory. */
const maxAhead = 64;
/** Steps after which it hears how far it may go. */
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

/** What a team is to train. */
export interface TeamOptions {
  readonly fingerprint: Fingerprint;
  readonly updating: Updating;
  /** Takes a line on who comes and goes. */
  report(line: string): void;
  /** The items of a share in the steps of an epoch that come after so many: for people. */
  itemsLeft(share: number, step: number): string;
}

/** A worker that is there. */
interface Present {
  readonly stay: string;
  readonly watch: Watch;
  /** Has it taken for gone. */
  lost(): void;
  /** How it was told to begin. */
  begun?: Epoch;
  /** The step that it has said it waits in. */
  waitsIn?: number;
  /** Whether it takes calls and gives no answer. */
  isSilent?: boolean;
}

type Epoch = Extract<LetterFromChief, { readonly kind: 'epoch' }>;
type Round = Extract<LetterFromChief, { readonly kind: 'round' }>;

/** All workers of a training, led by this one. */
export class Team {
  readonly #cluster: Cluster;
  readonly #mailbox: Mailbox<Letter>;
  readonly #options: TeamOptions;
  readonly #present = new Map<number, Present>();
  readonly #dealer: PartDealer;
  /** Dealt to the chief itself. */
  readonly #own: PartPlace[] = [];
  /** Parts that are there and not taken, by step, then share. */
  readonly #parts = new Map<number, Map<number, StepPart>>();
  readonly #arrivals = new Arrivals();
  #epoch: Pick<Epoch, 'step' | 'end' | 'monitored'> | undefined;
  #round: Round;
  /** Steps that were done together. */
  #together = 0;
  /** Stays of the workers that the round is for; none while none is under way. */
  #stays: ReadonlyMap<number, string> = new Map();
  /** Whether all workers have been there at once. */
  #isComplete = false;
  #isDismissed = false;
  /** The last step that all were told to do, where each updates its own copy. */
  #allowed = 0;
  /** Why there is no further step. */
  #gone: GoneError | undefined;
  #reading: Promise<void> = Promise.resolve();

  private constructor(cluster: Cluster, mailbox: Mailbox<Letter>, options: TeamOptions) {
    this.#cluster = cluster;
    this.#mailbox = mailbox;
    this.#options = options;
    this.#dealer = new PartDealer(this.#size);
    this.#round = { kind: 'round', step: 0, round: 0, workerOf: [] };
  }

  /**
   * Waits until all workers have joined. One that would train something else is sent away, and another waited for.
   *
   * @throws UserError  naming those that have not joined in time
   */
  static async gather(cluster: Cluster, options: TeamOptions): Promise<Team> {
    const team = new Team(cluster, await cluster.openMailbox(), options);
    const { others, place, servers, engine } = cluster;
    for (const server of servers) await team.#mailbox.send(server, { kind: 'began' });
    cluster.watch(servers, options.report);
    team.#reading = team.#readLetters();
    const timer = setTimeout(() => {
      const missing = others.filter(({ index }) => !team.#present.has(index));
      const names = missing.map((task) => cluster.describe(task)).join(', ');
      engine.abandon(
        new UserError(
          `cluster: ${names} did not join within ${place.timeoutSeconds} s; expected every worker to be started. Wait longer with --cluster_timeout_secs.`,
        ),
      );
    }, 1000 * place.timeoutSeconds);
    try {
      await waitAloud(
        team.#arrivals.until(() => team.#present.size === others.length || undefined),
        async (seconds) => {
          const missing = others.filter(({ index }) => !team.#present.has(index));
          const names = await nameAsFound(place.hosts, missing);
          options.report(`cluster: has waited for ${names} to join for ${seconds} s`);
        },
      );
    } finally {
      clearTimeout(timer);
    }
    team.#isComplete = true;
    if (options.updating === 'reduced') cluster.watch(servers, options.report, others);
    return team;
  }

  /** Workers, whether they are there or not. */
  get #size(): number {
    return this.#cluster.place.hosts.worker.length;
  }

  get #updating(): Updating {
    return this.#options.updating;
  }

  /** Whether nothing goes on without any of the workers, which have been there. */
  get #needsAll(): boolean {
    return this.#updating === 'reduced' && this.#isComplete;
  }

  /** Those that are there, the chief among them, ascending. */
  get #workers(): number[] {
    return [0, ...[...this.#present.keys()].sort((a, b) => a - b)];
  }

  /**
   * Has all go on after so many steps, with items to monitor.
   *
   * @param end         steps done at the end of the epoch
   * @throws GoneError  when one of them is gone that every step needs
   */
  async beginEpoch(step: number, end: number, monitored: readonly number[]): Promise<void> {
    if (this.#gone !== undefined) throw this.#gone;
    this.#epoch = { step, end, monitored };
    this.#dealer.begin(step, end);
    await Promise.all([...this.#present.keys()].map((worker) => this.#tellBegin(worker, step)));
    if (this.#updating === 'each') this.#deal();
  }

  /**
   * Has all workers do their parts up to a step, where each updates its own copy.
   *
   * @throws GoneError  when one of them is gone
   */
  allow(step: number): void {
    if (this.#gone !== undefined) throw this.#gone;
    this.#allowed = step;
    for (const [worker, present] of this.#present) {
      // One that asks again has lost that, too.
      present.begun = { ...present.begun!, until: step };
      this.#tell(worker, { kind: 'until', step });
    }
  }

  /**
   * Begins a round of a step that the chief updates for all.
   *
   * @param step  steps done with this one
   * @returns     the parts that are the chief's beside its own
   */
  async openRound(step: number): Promise<readonly PartPlace[]> {
    const workers = this.#workers;
    const workerOf = Array.from({ length: this.#size }, (_, share) =>
      workers.includes(share) ? share : workers[(step + share) % workers.length]!,
    );
    this.#round = { ...this.#round, step, workerOf };
    this.#stays = new Map([...this.#present].map(([worker, { stay }]) => [worker, stay]));
    this.#parts.clear();
    await this.#tellAll(this.#round);
    const { round } = this.#round;
    return workerOf.flatMap((worker, share) =>
      worker === 0 && share !== 0 ? [{ step, share, round }] : [],
    );
  }

  /** How often gradients were taken or thrown away: the round that is under way. */
  get round(): number {
    return this.#round.round;
  }

  /**
   * Waits for the others' parts of the round.
   *
   * @returns  theirs, in the order of their items in the joint batch; undefined when one is lost that had one to do
   */
  async partsOfRound(): Promise<readonly StepPart[] | undefined> {
    const { step, workerOf } = this.#round;
    const parts = await this.#waitForStep(step, () => {
      const isGone = (worker: number) =>
        worker !== 0 && this.#present.get(worker)?.stay !== this.#stays.get(worker);
      const isLost = workerOf.some((worker, share) => isGone(worker) && !this.#has(step, share));
      return isLost ? null : this.#takeStep(step);
    });
    return parts ?? undefined;
  }

  /** The gradients of the round were taken, or thrown away. @param isDone  whether its step is done with that */
  closeRound(isDone: boolean): void {
    if (isDone) this.#together = this.#round.step;
    this.#round = { ...this.#round, round: this.#round.round + 1 };
    this.#stays = new Map();
  }

  /**
   * Waits for a run of a step that all workers do at once; when that takes long, it is said who has not begun it, as
   * far as is known.
   */
  waitForRun<T>(step: number, run: Promise<T>): Promise<T> {
    const { report } = this.#options;
    return waitAloud(run, (seconds) => {
      const waiting = [...this.#present].filter(([, { waitsIn }]) => waitsIn !== step);
      const workers = waiting.map(([worker]) => worker);
      if (workers.length > 0) this.#reportWaiting(step, workers, seconds);
      else if (seconds >= quietSeconds) {
        report(
          `cluster: step ${step} has been under way for ${seconds} s in all workers; a way between two of them may be cut`,
        );
      }
    });
  }

  /**
   * Waits for the other parts of a step, where the chief does not update for all.
   *
   * @param step  steps done with this one, one more when it has been returned
   * @returns     theirs, in the order of their items in the joint batch; or a part that the chief is to do before
   */
  async partsOf(step: number): Promise<readonly StepPart[] | PartPlace> {
    const found = await this.#waitForStep(step, () => this.#takeStep(step) ?? this.#own.shift());
    if ('share' in found) return found;
    this.#dealer.advance(step);
    this.#deal();
    if (this.#updating === 'each' && step % paceSteps === 0) {
      await this.#tellAll({ kind: 'until', step: this.#untilOf(step) });
    }
    return found;
  }

  /** Takes a part that the chief has done beside its own. */
  give({ step, share }: PartPlace, part: StepPart): void {
    const ofStep = this.#parts.get(step) ?? new Map<number, StepPart>();
    ofStep.set(share, part);
    this.#parts.set(step, ofStep);
  }

  /** Lets the other workers go, whose steps have ended; resolves when they have left, or are gone. */
  async dismiss(): Promise<void> {
    this.#isDismissed = true;
    await this.#tellAll({ kind: 'over' });
    // Whoever reads letters looks once more.
    await this.#mailbox.send(chief, { kind: 'left', worker: 0, stay: '' });
    for (const { isSilent, lost } of this.#present.values()) if (isSilent) lost();
    await waitAloud(
      this.#arrivals.until(() => this.#present.size === 0 || undefined),
      (seconds) =>
        this.#options.report(
          `cluster: has waited for ${this.#namesOf(this.#present.keys())} to end for ${seconds} s`,
        ),
    );
    await this.#reading;
  }

  /** Lets the parameter servers go: nothing is wanted of them any more. */
  async dismissServers(): Promise<void> {
    this.#cluster.engine.endWatch();
    for (const server of this.#cluster.servers) {
      await this.#mailbox.send(server, { kind: 'over' });
    }
    await this.#mailbox.close();
  }

  /** For people. */
  #nameOf(worker: number): string {
    return this.#cluster.describe({ job: 'worker', index: worker });
  }

  #namesOf(workers: Iterable<number>): string {
    return [...workers].map((worker) => this.#nameOf(worker)).join(', ');
  }

  /** Waits for something of a step; when that takes long, it is said for whom. */
  #waitForStep<T>(step: number, find: () => T | undefined): Promise<T> {
    return waitAloud(this.#arrivals.until(find), (seconds) => {
      const shares = Array.from({ length: this.#size - 1 }, (_, i) => i + 1);
      const workers = shares
        .filter((share) => !this.#has(step, share))
        .map((share) =>
          this.#updating === 'gathered'
            ? this.#round.workerOf[share]!
            : this.#dealer.workerOf({ step, share })!,
        );
      this.#reportWaiting(step, new Set(workers), seconds);
    });
  }

  #reportWaiting(step: number, workers: Iterable<number>, seconds: number): void {
    this.#options.report(
      `cluster: step ${step} has waited for ${this.#namesOf(workers)} for ${seconds} s`,
    );
  }

  #has(step: number, share: number): boolean {
    return this.#parts.get(step)?.has(share) ?? false;
  }

  /** All parts of a step but the chief's own, if they are there. */
  #takeStep(step: number): readonly StepPart[] | undefined {
    const ofStep = this.#parts.get(step) ?? new Map<number, StepPart>();
    if (ofStep.size < this.#size - 1) return undefined;
    this.#parts.delete(step);
    return Array.from({ length: this.#size - 1 }, (_, i) => ofStep.get(i + 1)!);
  }

  /** Has what nobody does done by whoever is there. */
  #deal(): void {
    const dealt = this.#dealer.deal(this.#workers, (step, share) => this.#has(step, share));
    for (const [worker, places] of dealt) {
      if (worker === 0) this.#own.push(...places);
      else this.#tell(worker, { kind: 'also', places });
    }
  }

  /** A failure is heard of by whoever waits for an answer. */
  #post(task: Task, letter: Letter): void {
    this.#mailbox.send(task, letter).catch((error) => this.#arrivals.fail(error));
  }

  #tell(worker: number, letter: LetterFromChief): void {
    this.#post({ job: 'worker', index: worker }, letter);
  }

  async #tellAll(letter: LetterFromChief): Promise<void> {
    const workers = [...this.#present.keys()];
    await Promise.all(workers.map((index) => this.#mailbox.send({ job: 'worker', index }, letter)));
  }

  /** How far a worker may go on by itself when the chief has so many steps of all. */
  #untilOf(step: number): number {
    return this.#updating === 'each' ? step + maxAhead : step;
  }

  async #tellBegin(worker: number, step: number): Promise<void> {
    const present = this.#present.get(worker)!;
    const { stay } = present;
    present.begun = { kind: 'epoch', ...this.#epoch!, step, until: this.#untilOf(step), stay };
    await this.#mailbox.send({ job: 'worker', index: worker }, present.begun);
  }

  /** Takes letters until all workers have left. */
  async #readLetters(): Promise<void> {
    try {
      while (!this.#isDismissed || this.#present.size > 0) {
        const letter = (await this.#mailbox.receive()) as LetterToChief;
        if (letter.kind === 'join') this.#answerJoin(letter);
        else if (this.#present.get(letter.worker)?.stay === letter.stay) this.#take(letter);
        this.#arrivals.announce();
      }
    } catch (error) {
      this.#arrivals.fail(error);
    }
  }

  #take(letter: Exclude<LetterToChief, { readonly kind: 'join' }>): void {
    const { worker } = letter;
    if (letter.kind === 'lost') this.#lose(worker);
    else if (letter.kind === 'left') this.#forget(worker);
    else if (letter.kind === 'begun') this.#present.get(worker)!.waitsIn = letter.step;
    else {
      const { place, part } = letter;
      const isWanted =
        this.#updating === 'gathered'
          ? place.round === this.#round.round
          : place.step > this.#dealer.step && !this.#has(place.step, place.share);
      if (isWanted) this.give(place, part);
    }
  }

  #forget(worker: number): void {
    this.#present.get(worker)?.watch.end();
    this.#present.delete(worker);
  }

  /** Has the others do what a worker that is gone would have done, if they can. */
  #lose(worker: number): void {
    const { report, itemsLeft } = this.#options;
    const isTogether = this.#updating === 'gathered';
    const { stay } = this.#present.get(worker)!;
    this.#forget(worker);
    if (this.#isDismissed) return;
    if (this.#needsAll) {
      const { engine, place } = this.#cluster;
      this.#gone ??= goneError(place.hosts, [{ job: 'worker', index: worker }]);
      // Between two steps the chief has something else to do, for which it needs nobody.
      if (this.#allowed > this.#dealer.step) engine.abandon(this.#gone);
      return;
    }
    // One that was but cut off, or stopped, hears of it when it goes on.
    this.#tell(worker, { kind: 'lost', stay });
    const attendedAfter = this.#dealer.lose(worker);
    const gone = `cluster: ${this.#nameOf(worker)} is gone: it ended, or gave no answer for ${silentSeconds} s`;
    if (this.#epoch === undefined) {
      report(gone);
      return;
    }
    let done = isTogether ? this.#together : Math.max(this.#dealer.step, attendedAfter);
    done = Math.max(done, this.#epoch.step);
    while (this.#has(done + 1, worker)) done++;
    const left = done < this.#epoch.end ? `, the items ${itemsLeft(worker, done)}` : '';
    report(`${gone}. The others do its part of each step after step ${done}${left}`);
    if (!isTogether) this.#deal();
  }

  #answerJoin({
    worker,
    stay,
    fingerprint,
  }: Extract<LetterToChief, { readonly kind: 'join' }>): void {
    const { report, fingerprint: own } = this.#options;
    const task = { job: 'worker', index: worker } as const;
    if (this.#isDismissed) {
      this.#tell(worker, { kind: 'over' });
      return;
    }
    const difference = differenceOf(own, fingerprint);
    if (difference !== undefined) {
      report(`cluster: ${this.#nameOf(worker)} was sent away: it ${difference}`);
      this.#tell(worker, { kind: 'refused', stay, reason: difference });
      return;
    }
    const before = this.#present.get(worker);
    if (before?.stay === stay) {
      // It asks again: what it was told went to one before it that was cut off.
      if (before.begun) this.#tell(worker, before.begun);
      if (this.#stays.get(worker) === stay) this.#tell(worker, this.#round);
      return;
    }
    if (before !== undefined) this.#lose(worker);
    if (this.#needsAll) return;
    const admitted = this.#dealer.admit(worker);
    const { hosts } = this.#cluster.place;
    const lost = () => this.#post(chief, { kind: 'lost', worker, stay });
    const silent = (_: Task, isSilent: boolean) => {
      if (!this.#needsAll || this.#isDismissed) return lost();
      // Nobody can do its part, and what it holds is there when it goes on.
      report(silenceLine(hosts, task, isSilent));
      this.#present.get(worker)!.isSilent = isSilent;
    };
    const watch = new Watch(hosts, [task], {
      gone: lost,
      ...(this.#updating === 'reduced' && { silent }),
    });
    this.#present.set(worker, { stay, watch, lost });
    if (this.#epoch === undefined) return;
    const step =
      this.#updating === 'gathered' ? Math.max(this.#epoch.step, this.#round.step) : admitted;
    report(`cluster: ${this.#nameOf(worker)} is back, and takes part again after step ${step}`);
    this.#tellBegin(worker, step).catch((error) => this.#arrivals.fail(error));
  }
}
