/** The chief, as another worker has to do with it. */
import { UserError } from '../errors.ts';
import type { StepPart } from '../model/jointOutcome.ts';
import type { Cluster } from './cluster.ts';
import { chief } from './cluster.ts';
import type { Fingerprint, Letter, LetterFromChief } from './letters.ts';
import type { Mailbox } from './mailbox.ts';

/** What a worker is told at the beginning of each epoch, or where it joins one. */
export type Epoch = Extract<LetterFromChief, { readonly kind: 'epoch' }>;

/** A worker's place in a team. */
export class Membership {
  readonly #mailbox: Mailbox<Letter>;
  readonly #worker: number;
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
    return new Membership(mailbox, worker);
  }

  /**
   * Waits for the next epoch.
   *
   * @returns           undefined when the training is over
   * @throws UserError  when the chief sends this worker away
   */
  async nextEpoch(): Promise<Epoch | undefined> {
    const letter = (await this.#mailbox.receive()) as LetterFromChief;
    if (letter.kind === 'refused') {
      throw new UserError(
        `cluster: the chief sent this worker away, since it ${letter.reason}. Start all with the same losslens, flags and data.`,
      );
    }
    return letter.kind === 'epoch' ? letter : undefined;
  }

  /**
   * Begins to hand over this worker's part of a step: resolves when the one before has been.
   *
   * @param step  steps done with this one
   */
  async send(step: number, part: StepPart): Promise<void> {
    await this.#sent;
    this.#sent = this.#mailbox.send(chief, { kind: 'part', worker: this.#worker, step, part });
    // It is heard of at the next step, or when this worker leaves.
    this.#sent.catch(() => {});
  }

  /** Says that this worker does nothing more. */
  async leave(): Promise<void> {
    await this.#sent;
    await this.#mailbox.send(chief, { kind: 'left', worker: this.#worker });
    await this.#mailbox.close();
  }
}
