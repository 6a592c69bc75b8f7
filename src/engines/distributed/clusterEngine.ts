/** Runs graphs on several processes: TensorFlow's own distributed runtime, through its C library. */
import koffi from 'koffi';
import { NoEngineError, UserError } from '../../errors.ts';
import type { Graph, Node } from '../../graph/graph.ts';
import { toGraphDef } from '../../graph/graphDef.ts';
import { isCollective } from '../../graph/ops/collectives.ts';
import { namedSignatures } from '../../graph/savedModel.ts';
import { nodesBefore } from '../../graph/walk.ts';
import { messageType } from '../../protos.ts';
import { readCudaBuild } from '../build.ts';
import type { Bfloat16Support, Engine, Session, Signature, Signatures } from '../engine.ts';
import { EngineThread } from '../engineThread.ts';
import { expectProc, expectTensorFlowPackage, loadLibTensorFlow } from '../tensorflowPackage.ts';
import { ThreadSession } from '../threadSession.ts';
import { type CApi, loadCApi } from './cApi.ts';
import {
  chief,
  deviceOfTask,
  type Hosts,
  hostOf,
  isWithoutServers,
  type JobName,
  jobNames,
  type Task,
} from './hosts.ts';
import { placeOnCluster } from './placement.ts';
import { findGone, goneError, Watch, type WatchListener } from './presence.ts';
import type { RemoteModel, RemoteWorkerData } from './remoteWorker.ts';

const graphDefType = messageType('graph.proto', 'GraphDef');
const serverDefType = messageType('cluster.proto', 'ServerDef');
const configType = messageType('cluster.proto', 'ConfigProto');
const runOptionsType = messageType('cluster.proto', 'RunOptions');

/** Who numbers the members and steps of collective operations, by TensorFlow's full name of it. */
const collectives = { experimental: { collective_group_leader: '/job:worker/replica:0/task:0' } };

/** Nobody has trained with it over a cluster yet. */
const bfloat16: Bfloat16Support = { support: 'untried', reason: 'bfloat16 is untried on clusters' };

/** What TensorFlow says of a call that did not get through. */
const unavailable = 'grpc_status:14';

/** A process of a cluster, with its server. */
export class ClusterEngine implements Engine {
  readonly name: string;
  readonly bfloat16 = bfloat16;
  readonly hosts: Hosts;
  readonly task: Task;
  readonly #packageFolder: string;
  readonly #c: CApi;
  readonly #target: string;
  #watch: Watch | undefined;
  /** Who may be behind a failure. */
  #needed: readonly Task[] = [];
  /** Of the sessions that are open. */
  readonly #threads = new Set<EngineThread<RemoteModel>>();
  /** Why no session is opened any more. */
  #end: UserError | undefined;

  private constructor(hosts: Hosts, task: Task, packageFolder: string) {
    this.hosts = hosts;
    this.task = task;
    this.#packageFolder = packageFolder;
    // Collective operations that fail log what the run that they are of fails with, too, once for each of them.
    if (isWithoutServers(hosts)) process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '3';
    this.#c = loadFunctions(packageFolder);
    this.#target = startServer(this.#c, hosts, task);
    const build = readCudaBuild(packageFolder) === undefined ? 'CPU' : 'GPU build';
    this.name = `tensorflow ${this.version} (${build}), ${task.job} ${task.index} of ${hosts[task.job].length}`;
  }

  /**
   * Starts the server of a process, which serves until the process ends.
   *
   * @throws NoEngineError  when there is no TensorFlow, or it does not load
   * @throws UserError      when the server does not start
   */
  static start(hosts: Hosts, task: Task): ClusterEngine {
    const folder = expectTensorFlowPackage();
    expectProc();
    return new ClusterEngine(hosts, task, folder);
  }

  /** Of TensorFlow, such as '2.21.0'. */
  get version(): string {
    return this.#c.version();
  }

  async load(graph: Graph, signatures: Signatures): Promise<Session> {
    const { hosts, task } = this;
    // Other workers come and go without it.
    const shared = isWithoutServers(hosts) ? deviceOfTask(chief) : '/job:ps';
    const deviceOf = placeOnCluster(graph, hosts, task);
    const thread = await this.#startThread(this.#target, [shared, deviceOfTask(task)]);
    if (this.#end !== undefined) {
      // TensorFlow would wait in it for a process that is gone.
      await thread.close();
      throw this.#end;
    }
    this.#threads.add(thread);
    return this.#open(thread, graph, signatures, deviceOf);
  }

  /**
   * Loads a graph on one process, as its own server does it: that process learns nothing of this one, since TensorFlow
   * forgets whatever another process of the same name has there. On this process that can be done after sessions were
   * given up, too: what they have left there is there still.
   */
  async loadOn(task: Task, graph: Graph, signatures: Signatures): Promise<Session> {
    const device = deviceOfTask(task);
    const isOwn = device === deviceOfTask(this.task);
    const target = isOwn ? this.#target : `grpc://${hostOf(this.hosts, task)}`;
    const thread = await this.#startThread(target, [device]);
    this.#threads.add(thread);
    return this.#open(thread, graph, signatures, () => device);
  }

  /** Starts the thread of a session with a server, of which it uses some devices. */
  async #startThread(
    target: string,
    filters: readonly string[],
  ): Promise<EngineThread<RemoteModel>> {
    const workerData: RemoteWorkerData = {
      packageFolder: this.#packageFolder,
      target,
      config: configType.encode({
        device_filters: [...filters],
        allow_soft_placement: true,
        ...collectives,
      }),
      collectiveRun: runOptionsType.encode({ experimental: { collective_graph_key: 1 } }),
    };
    const { thread } = await EngineThread.start<RemoteModel, object>(
      new URL('./remoteWorker.js', import.meta.url),
      workerData,
    );
    return thread;
  }

  async #open(
    thread: EngineThread<RemoteModel>,
    graph: Graph,
    signatures: Signatures,
    deviceOf: (node: Node) => string,
  ): Promise<Session> {
    const { node: nodes = [], ...rest } = toGraphDef(graph);
    const placed = nodes.map((node, i) => ({ ...node, device: deviceOf(graph.nodes[i]!) }));
    const model: RemoteModel = {
      graphDef: graphDefType.encode({ ...rest, node: placed }),
      signatures: namedSignatures(signatures),
      collective: Object.keys(signatures).filter((name) => isOfAll(signatures[name]!)),
    };
    const number = await thread.request({ kind: 'load', model });
    const session = new ThreadSession(thread, number, signatures);
    return {
      run: async (signature, feeds) => {
        try {
          return await session.run(signature, feeds);
        } catch (error) {
          throw await this.#explained(error);
        }
      },
      close: async () => {
        if (!this.#threads.delete(thread)) return;
        await session.close();
        await thread.close();
      },
    };
  }

  /**
   * From now on, whatever waits fails when one of these processes, which are there, goes; others may.
   *
   * @param needed  others that are named when something fails since they are gone
   */
  watch(
    tasks: readonly Task[],
    silent: NonNullable<WatchListener['silent']>,
    needed: readonly Task[] = [],
  ): void {
    this.endWatch();
    const gone = (task: Task) => this.abandon(goneError(this.hosts, [task]));
    this.#watch = new Watch(this.hosts, tasks, { gone, silent });
    this.#needed = [...tasks, ...needed];
  }

  /** From now on, all may go. */
  endWatch(): void {
    this.#watch?.end();
    this.#watch = undefined;
    this.#needed = [];
  }

  /** Of a failure that processes are behind that are gone, just that. */
  async #explained(error: unknown): Promise<unknown> {
    if (error instanceof UserError) return error;
    const found = await findGone(this.hosts, this.#needed);
    const tasks = found.length > 0 ? found : this.#unreachable(error as Error);
    if (tasks.length === 0) return error;
    // What was opened since other failures of the same were explained goes on.
    if (this.#end === undefined) this.abandon(goneError(this.hosts, tasks));
    return this.#end;
  }

  /** Of a failure of TensorFlow's with a call to another process, just that: one that ends may listen a moment still. */
  #unreachable({ message }: Error): readonly Task[] {
    const called = /remote target \/job:(ps|worker)\/replica:0\/task:(\d+)/.exec(message);
    if (called === null || !message.includes(unavailable)) return [];
    return [{ job: called[1] as JobName, index: Number(called[2]) }];
  }

  /**
   * Gives all sessions up: whatever waits in one, or opens one, fails with the reason, now and from now on.
   *
   * @param reason  for people
   */
  abandon(reason: UserError): void {
    this.#end ??= reason;
    if (this.#threads.size === 0) return;
    for (const thread of this.#threads) thread.end(reason);
    // A thread that waits for another process would keep this one from ending.
    endAtExit();
    this.#threads.clear();
  }
}

/** Whether an entry point holds operations that all processes run at once. */
function isOfAll({ outputs }: Signature): boolean {
  return [...nodesBefore(Object.values(outputs))].some(isCollective);
}

let endsAtExit = false;

/** Has the process end without waiting for its threads. */
function endAtExit(): void {
  if (endsAtExit || process.platform === 'win32') return;
  endsAtExit = true;
  const end = koffi.load(null).func('void _exit(int)');
  process.on('exit', (code) => end(code));
}

/** @throws NoEngineError  when TensorFlow, or a function of its, is missing */
function loadFunctions(packageFolder: string): CApi {
  try {
    loadLibTensorFlow(packageFolder);
    return loadCApi(packageFolder);
  } catch (error) {
    const reason = (error as Error).message.split('\n', 1)[0];
    throw new NoEngineError(
      `engine tensorflow: ${packageFolder} does not load (${reason}); expected TensorFlow for Linux with its C library. ` +
        'Run: losslens engine install',
    );
  }
}

function startServer(c: CApi, hosts: Hosts, task: Task): string {
  const job = jobNames.map((name) => ({
    name,
    tasks: Object.fromEntries(hosts[name].map((host, index) => [index, host])),
  }));
  const definition = serverDefType.encode({
    cluster: { job },
    job_name: task.job,
    task_index: task.index,
    default_session_config: collectives,
    protocol: 'grpc',
  });
  try {
    const server = c.newServer(definition, definition.length);
    c.startServer(server);
    return c.serverTarget(server);
  } catch (error) {
    const reason = (error as Error).message.split('\n', 1)[0];
    throw new UserError(
      `--${task.job}_hosts: TensorFlow's server does not start at ${hosts[task.job][task.index]} (${reason}); expected a port of this machine that is free.`,
    );
  }
}
