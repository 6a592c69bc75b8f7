/** Who listens where a process of a cluster should: asks for the status that TensorFlow's servers give of themselves. */
import { type ClientHttp2Session, connect } from 'node:http2';
import { messageType } from '../../protos.ts';
import { deviceOfTask, type Hosts, hostOf, type Task } from './hosts.ts';

const statusType = messageType('cluster.proto', 'GetStatusResponse');

/** How long an answer is waited for. */
export const lookMs = 5000;

/** Before each message of a call (gRPC over HTTP/2): whether it is compressed, and its length. */
const prefixBytes = 5;

/** What was found. */
export type Look =
  /** The process, with a number of its own for each start. */
  | { readonly found: 'process'; readonly incarnation: number }
  /** Nobody: the host says so. */
  | { readonly found: 'nobody' }
  /** No way to the host. */
  | { readonly found: 'no way' }
  /** Somebody takes the call, and says nothing. */
  | { readonly found: 'silence' }
  /** Somebody else, as far as is known who. */
  | { readonly found: 'stranger'; readonly who: string };

/** Looks once, for `lookMs` at most; never fails. */
export async function lookFor(hosts: Hosts, task: Task): Promise<Look> {
  let isConnected = false;
  let session: ClientHttp2Session | undefined;
  try {
    session = connect(`http://${hostOf(hosts, task)}`);
    session.once('connect', () => {
      isConnected = true;
    });
    return readStatus(await askStatus(session), task);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED') return { found: 'nobody' };
    if (error instanceof TimeoutError) return { found: isConnected ? 'silence' : 'no way' };
    // A process that ends resets its connections.
    if (!isConnected || code === 'ECONNRESET') return { found: 'no way' };
    return { found: 'stranger', who: 'another program' };
  } finally {
    session?.destroy();
  }
}

class TimeoutError extends Error {}

/** @returns  what a server answers to tensorflow.WorkerService.GetStatus */
function askStatus(session: ClientHttp2Session): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TimeoutError()), lookMs);
    const settle = (end: () => void) => {
      clearTimeout(timer);
      end();
    };
    const fail = (error: Error) => settle(() => reject(error));
    session.on('error', fail);
    session.on('close', () => fail(new Error('closed')));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/tensorflow.WorkerService/GetStatus',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    // Of a connection that failed, why.
    stream.on('error', (error) => fail((error.cause as Error | undefined) ?? error));
    stream.once('end', () => settle(() => resolve(Buffer.concat(chunks))));
    stream.end(Buffer.alloc(prefixBytes));
  });
}

/** @throws Error  when it is no status */
function readStatus(answer: Buffer, task: Task): Look {
  const { device_attributes: [device] = [] } = statusType.decode(answer.subarray(prefixBytes));
  const { name, incarnation } = device ?? {};
  const [, job, index] = /^\/job:(\w+)\/replica:\d+\/task:(\d+)\//.exec(name ?? '') ?? [];
  if (job === undefined) return { found: 'stranger', who: 'another program' };
  const own = deviceOfTask({ job, index: Number(index) } as Task);
  if (own !== deviceOfTask(task)) return { found: 'stranger', who: `${job} ${index}` };
  return { found: 'process', incarnation: incarnation! };
}
