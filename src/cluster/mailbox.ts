/**
 * What the processes of a cluster tell each other: messages in queues on the first parameter server, or else on the
 * chief, so that hosts need no folder in common, and no further port.
 */
import { deserialize, serialize } from 'node:v8';
import type { Task } from '../engines/distributed/hosts.ts';
import type { Engine, Session } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { constant, identity, placeholder } from '../graph/ops/array.ts';
import { dequeue, enqueue, fifoQueue } from '../graph/ops/queues.ts';

function queueOf(graph: Graph, { job, index }: Task) {
  return fifoQueue(graph, `mail/${job}/${index}`);
}

/** Sends messages of one type to all processes, and receives those for one of them. */
export class Mailbox<Message> {
  readonly #sending: Session;
  readonly #receiving: Session;
  readonly #addresses: readonly Task[];

  private constructor(sending: Session, receiving: Session, addresses: readonly Task[]) {
    this.#sending = sending;
    this.#receiving = receiving;
    this.#addresses = addresses;
  }

  /**
   * Opens the mailbox of a process. Who waits for a message does not keep it from sending some: either has a
   * session of its own.
   *
   * @param addresses  of all processes, in the same order for all
   */
  static async open<Message>(
    engine: Engine,
    own: Task,
    addresses: readonly Task[],
  ): Promise<Mailbox<Message>> {
    const graph = new Graph();
    const mail = placeholder(graph, 'int32', [-1], 'mail');
    const sending = await engine.load(
      graph,
      Object.fromEntries(
        addresses.map((address, i) => {
          const sent = enqueue(queueOf(graph, address), mail);
          const done = identity(constant(graph, 'int32', 1), { after: [sent] });
          return [`to ${i}`, { inputs: { mail }, outputs: { done } }];
        }),
      ),
    );
    const receiver = new Graph();
    const received = dequeue(queueOf(receiver, own), [-1]);
    const receiving = await engine.load(receiver, {
      receive: { inputs: {}, outputs: { mail: received } },
    });
    return new Mailbox(sending, receiving, addresses);
  }

  /**
   * Resolves when the message is in the other's queue.
   *
   * @param message  plain data and typed arrays
   */
  async send({ job, index }: Task, message: Message): Promise<void> {
    const bytes = serialize(message);
    // Its length, and as many whole numbers as its bytes take.
    const mail = new Int32Array(1 + Math.ceil(bytes.length / 4));
    mail[0] = bytes.length;
    new Uint8Array(mail.buffer, 4).set(bytes);
    const address = this.#addresses.findIndex((to) => to.job === job && to.index === index);
    await this.#sending.run(`to ${address}`, { mail: { data: mail, shape: [mail.length] } });
  }

  /** Waits for the next message. */
  async receive(): Promise<Message> {
    const { mail } = await this.#receiving.run('receive', {});
    const { buffer, byteOffset } = mail!.data;
    return deserialize(new Uint8Array(buffer, byteOffset + 4, mail!.data[0])) as Message;
  }

  /** To be asked for when nobody waits for a message. */
  async close(): Promise<void> {
    await this.#sending.close();
    await this.#receiving.close();
  }
}
