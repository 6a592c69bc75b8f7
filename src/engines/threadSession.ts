/** A session whose graph lies in the thread of an engine. */
import type { HostTensor, Session, Signatures } from './engine.ts';
import type { EngineThread } from './engineThread.ts';
import { checkFeeds } from './feeds.ts';

/** Bytes up to which a feed is copied into the message that asks for a run, which is faster than to share it. */
const smallFeed = 1 << 16;

/** A graph that such a thread has loaded. */
export class ThreadSession<Model> implements Session {
  readonly #thread: EngineThread<Model>;
  readonly #session: number;
  /** None once the session is closed. */
  #signatures: Signatures;

  /**
   * @param session     its number in the thread
   * @param signatures  that it was loaded with
   */
  constructor(thread: EngineThread<Model>, session: number, signatures: Signatures) {
    this.#thread = thread;
    this.#session = session;
    this.#signatures = signatures;
  }

  async run(
    signature: string,
    feeds: Readonly<Record<string, HostTensor>>,
  ): Promise<Record<string, HostTensor>> {
    const { [signature]: entry } = this.#signatures;
    if (entry === undefined) {
      const known = Object.keys(this.#signatures).join(', ') || 'none (the session is closed)';
      throw new Error(`session: got signature '${signature}'; expected one of ${known}`);
    }
    checkFeeds(signature, entry, feeds);
    const shared = Object.fromEntries(
      Object.entries(feeds).map(([key, feed]) => [key, shareable(feed)]),
    );
    return this.#thread.request({
      kind: 'run',
      session: this.#session,
      signature,
      feeds: shared,
    });
  }

  async close(): Promise<void> {
    if (this.#thread.hasEnded) return;
    this.#signatures = {};
    await this.#thread.request({ kind: 'close', session: this.#session });
  }
}

/**
 * A feed as it can be sent to the thread: shared memory as it is, since a batch lies there already; anything else
 * that is large is copied into some, once.
 */
function shareable({ data, shape }: HostTensor): HostTensor {
  // A message copies the whole memory that a view is of.
  const isShared = data.buffer instanceof SharedArrayBuffer;
  if (isShared || data.buffer.byteLength <= smallFeed) return { data, shape };
  const memory = new SharedArrayBuffer(data.byteLength);
  const copy = data instanceof Float32Array ? new Float32Array(memory) : new Int32Array(memory);
  copy.set(data);
  return { data: copy, shape };
}
