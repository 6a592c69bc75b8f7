/** The chief, as another worker has to do with it. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { chief } from '../engines/distributed/hosts.ts';
import { waitAloud } from '../engines/distributed/longWait.ts';
import { UserError } from '../errors.ts';
import type { StepPart } from '../model/jointOutcome.ts';
import { Arrivals } from './arrivals.ts';
import type { Cluster } from './cluster.ts';
import type { Fingerprint, Letter, LetterFromChief, Member, PartPlace } from './letters.ts';
import type { Mailbox } from './mailbox.ts';

/** How long an answer is waited for before the chief is asked again. */
const askAgainMs = 5000;
/** How long a part is under way before the chief hears of it. */
const longPartMs = 15_000;
/** How long the chief is waited for without a word after an epoch, when it evaluates and saves. */
const quietSeconds = 240;

/** A part that is to be done now. */
export interface Assignment extends PartPlace {
  /** Items to monitor. */
  readonly monitored: readonly number[];
  /** The stay that it is given in. */
  readonly stay: string;
}

type Epoch = Extract<LetterFromChief, { readonly kind: 'epoch' }>;

/** What a worker is to train. */
export interface MembershipOptions {
  readonly fingerprint: Fingerprint;
  /** Takes a line when the chief has gone on without this worker. */
  report(line: string): void;
}

/** A worker's place in a team. */
export class Membership {
  readonly #mailbox: Mailbox<Letter>;
  readonly #cluster: Cluster;
  readonly #options: MembershipOptions;
  readonly #arrivals = new Arrivals();
  #stay = '';
  /** undefined until the chief has let this worker take part. */
  #epoch: Epoch | undefined;
  /** What is to be done before all else. */
  #places: PartPlace[] = [];
  /** Step of this worker's share that is next, where it goes on without rounds. */
  #next = 0;
  /** The last one that it may do. */
  #until = 0;
  #round = -1;
  /** Step of the part that was given last. */
  #last = 0;
  #isOver = false;
  /** Resolves when the chief has the last part. */
  #sent: Promise<void> = Promise.resolve();

  private constructor(mailbox: Mailbox<Letter>, cluster: Cluster, options: MembershipOptions) {
    this.#mailbox = mailbox;
    this.#cluster = cluster;
    this.#options = options;
  }

  /** Asks the chief to let this worker take part; whether it does is said by the first part to do. */
  static async ask(cluster: Cluster, options: MembershipOptions): Promise<Membership> {
    const mailbox = await cluster.openMailbox();
    const membership = new Membership(mailbox, cluster, options);
    void membership.#readLetters();
    await membership.#join();
    return membership;
  }

  /**
   * Waits for a part to do.
   *
   * @returns           null when the training is over
   * @throws UserError  when the chief sends this worker away
   */
  async nextPart(): Promise<Assignment | null> {
    const finding = this.#arrivals.until(() => {
      if (this.#isOver) return null;
      const place = this.#places.shift() ?? this.#nextOwn();
      return place && { ...place, monitored: this.#epoch!.monitored, stay: this.#stay };
    });
    const found = await waitAloud(finding, (seconds) => {
      const isBetweenEpochs = this.#epoch !== undefined && this.#last === this.#epoch.end;
      if (isBetweenEpochs && seconds < quietSeconds) return;
      const since = this.#last === 0 ? '' : ` after step ${this.#last}`;
      this.#options.report(
        `cluster: has waited for ${this.#cluster.describe(chief)} to go on${since} for ${seconds} s`,
      );
    });
    this.#last = found?.step ?? this.#last;
    return found;
  }

  /** Waits for the run of a part; when that takes long, the chief hears that it is not this worker that has not begun it. */
  async during<T>({ step, stay }: Assignment, run: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      const begun = { kind: 'begun', worker: this.#worker, stay, step } as const;
      // Whatever fails it fails for all.
      this.#mailbox.send(chief, begun).catch(() => {});
    }, longPartMs);
    try {
      return await run;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Begins to hand over a part: resolves when the one before has been. */
  async send({ step, share, round, stay }: Assignment, part: StepPart): Promise<void> {
    await this.#sent;
    const place = { step, share, round };
    this.#sent = this.#mailbox.send(chief, {
      kind: 'part',
      worker: this.#worker,
      stay,
      place,
      part,
    });
    // It is heard of at the next part, or when this worker leaves.
    this.#sent.catch(() => {});
  }

  /** Says that this worker does nothing more, when it has heard that the training is over. */
  async leave(): Promise<void> {
    await this.#sent;
    await this.#mailbox.send(chief, { kind: 'left', ...this.#member });
    await this.#mailbox.close();
  }

  get #worker(): number {
    return this.#cluster.place.task.index;
  }

  get #member(): Member {
    return { worker: this.#worker, stay: this.#stay };
  }

  /** The next part of this worker's own share, if it may be done. */
  #nextOwn(): PartPlace | undefined {
    const step = this.#next;
    if (this.#epoch === undefined || step > Math.min(this.#epoch.end, this.#until))
      return undefined;
    this.#next++;
    return { step, share: this.#worker, round: 0 };
  }

  /** Begins a stay. */
  async #join(): Promise<void> {
    const stay = randomUUID();
    this.#stay = stay;
    this.#epoch = undefined;
    this.#places = [];
    const { fingerprint } = this.#options;
    const ask = () => this.#mailbox.send(chief, { kind: 'join', ...this.#member, fingerprint });
    await ask();
    const askAgain = async () => {
      for (;;) {
        await pause(askAgainMs, undefined, { ref: false });
        if (this.#isOver || this.#epoch !== undefined || this.#stay !== stay) return;
        await ask();
      }
    };
    // Whatever fails it fails for all.
    askAgain().catch(() => {});
  }

  /** Takes letters until the training is over. */
  async #readLetters(): Promise<void> {
    try {
      while (!this.#isOver) {
        const letter = (await this.#mailbox.receive()) as LetterFromChief;
        await this.#take(letter);
        this.#arrivals.announce();
      }
    } catch (error) {
      this.#arrivals.fail(error);
    }
  }

  async #take(letter: LetterFromChief): Promise<void> {
    if (letter.kind === 'over') this.#isOver = true;
    else if (letter.kind === 'refused') {
      if (letter.stay === this.#stay) throw refusal(letter.reason);
    } else if (letter.kind === 'lost') {
      if (letter.stay !== this.#stay) return;
      this.#options.report('cluster: the chief went on without this worker; it joins again');
      await this.#join();
    } else if (letter.kind === 'epoch') this.#begin(letter);
    else if (this.#epoch === undefined) return;
    else if (letter.kind === 'until') this.#until = letter.step;
    else if (letter.kind === 'also') this.#places.push(...letter.places);
    else if (letter.kind === 'round' && letter.round !== this.#round) {
      const { step, round, workerOf } = letter;
      this.#round = round;
      this.#places = workerOf.flatMap((worker, share) =>
        worker === this.#worker ? [{ step, share, round }] : [],
      );
    }
  }

  #begin(epoch: Epoch): void {
    // It comes twice to who has asked twice.
    if (epoch.stay !== this.#stay || epoch.end === this.#epoch?.end) return;
    this.#epoch = epoch;
    this.#next = epoch.step + 1;
    this.#until = epoch.until;
  }
}

function refusal(reason: string): UserError {
  return new UserError(
    `cluster: the chief sent this worker away, since it ${reason}. Start all with the same losslens, flags and data.`,
  );
}
