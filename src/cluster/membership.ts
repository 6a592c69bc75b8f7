/** The chief, as another worker has to do with it. */
import { UserError } from '../errors.ts';
import type { StepPart } from '../model/jointOutcome.ts';
import { Arrivals } from './arrivals.ts';
import { type Cluster, chief } from './cluster.ts';
import type { Fingerprint, Letter, LetterFromChief } from './letters.ts';
import type { Mailbox } from './mailbox.ts';

/** Steps that a worker is before the chief at most: its parts wait in the chief's memory. */
const maxAhead = 64;

/** What a worker is told at the beginning of each epoch, or where it joins one. */
export type Epoch = Extract<LetterFromChief, { readonly kind: 'epoch' }>;

/** A worker's place in a team. */
export class Membership {
  readonly #mailbox: Mailbox<Letter>;
  readonly #worker: number;
  readonly #arrivals = new Arrivals();
  readonly #epochs: Epoch[] = [];
  /** Steps that the chief has. */
  #recorded = 0;
  #isOver = false;
  /** Resolves when the chief has the last part. */
  #sent: Promise<void> = Promise.resolve();

  private constructor(mailbox: Mailbox<Letter>, worker: number) {
    this.#mailbox = mailbox;
    this.#worker = worker;
  }

  /** Asks the chief to let this worker take part; whether it does is said by the first epoch. */
  static async ask(cluster: Cluster, fingerprint: Fingerprint): Promise<Membership> {
    const mailbox = await cluster.openMailbox();
    const worker = cluster.place.task.index;
    await mailbox.send(chief, { kind: 'join', worker, fingerprint });
    const membership = new Membership(mailbox, worker);
    void membership.#readLetters();
    return membership;
  }

  /** Whether the training is over, as far as is known. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Waits for the next epoch.
   *
   * @returns           null when the training is over
   * @throws UserError  when the chief sends this worker away
   */
  nextEpoch(): Promise<Epoch | null> {
    return this.#arrivals.until(() => this.#epochs.shift() ?? (this.#isOver ? null : undefined));
  }

  /**
   * Begins to hand over this worker's part of a step: resolves when the one before has been, and the chief is not far
   * behind.
   *
   * @param step  steps done with this one
   */
  async send(step: number, part: StepPart): Promise<void> {
    await this.#sent;
    this.#sent = this.#mailbox.send(chief, { kind: 'part', worker: this.#worker, step, part });
    // It is heard of at the next step, or when this worker leaves.
    this.#sent.catch(() => {});
    await this.#arrivals.until(
      () => this.#isOver || step <= this.#recorded + maxAhead || undefined,
    );
  }

  /** Says that this worker does nothing more, when it has heard that the training is over. */
  async leave(): Promise<void> {
    await this.#arrivals.until(() => this.#isOver || undefined);
    await this.#sent;
    await this.#mailbox.send(chief, { kind: 'left', worker: this.#worker });
    await this.#mailbox.close();
  }

  /** Takes letters until the training is over. */
  async #readLetters(): Promise<void> {
    try {
      while (!this.#isOver) {
        const letter = (await this.#mailbox.receive()) as LetterFromChief;
        if (letter.kind === 'over') this.#isOver = true;
        else if (letter.kind === 'refused') throw refusal(letter.reason);
        else if (letter.kind !== 'began') {
          if (letter.kind === 'epoch') this.#epochs.push(letter);
          this.#recorded = letter.step;
        }
        this.#arrivals.announce();
      }
    } catch (error) {
      this.#arrivals.fail(error);
    }
  }
}

function refusal(reason: string): UserError {
  return new UserError(
    `cluster: the chief sent this worker away, since it ${reason}. Start all with the same losslens, flags and data.`,
  );
}
