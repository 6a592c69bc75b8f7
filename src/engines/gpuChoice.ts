/** Which GPU an engine computes on. */
import { NoEngineError, UsageError } from '../errors.ts';
import type { CudaBuild } from './build.ts';
import { askDriver, type DriverReport, describeGpu, type Gpu } from './gpus.ts';

/** The value of --gpu: the number of one, or 'auto' for the first one that TensorFlow has kernels for. */
export type GpuChoice = 'auto' | `${number}`;

/** A GPU that this process may use. */
interface VisibleGpu {
  /** As CUDA_VISIBLE_DEVICES names it: a number, or an identifier such as 'GPU-8932f937'. */
  readonly id: string;
  /** What the driver says of it; absent where it is no number, or the driver does not tell. */
  readonly gpu?: Gpu;
}

/** Those that CUDA_VISIBLE_DEVICES names, else those of the driver, in this order. */
export function visibleGpus({ gpus }: DriverReport): readonly VisibleGpu[] {
  const listed = process.env['CUDA_VISIBLE_DEVICES'];
  if (listed === undefined) return gpus.map((gpu, i) => ({ id: String(i), gpu }));
  const ids = listed.split(',').map((id) => id.trim());
  // CUDA ignores what stands behind one that is none.
  const end = ids.findIndex((id) => id === '' || id.startsWith('-'));
  return ids.slice(0, end < 0 ? ids.length : end).map((id) => {
    const gpu = /^\d+$/.test(id) ? gpus[Number(id)] : undefined;
    return gpu === undefined ? { id } : { id, gpu };
  });
}

/** The GPU that this process computes on, if on any: the first that CUDA_VISIBLE_DEVICES leaves. */
export async function firstVisibleGpu(): Promise<Gpu | undefined> {
  return visibleGpus(await askDriver())[0]?.gpu;
}

/**
 * Leaves TensorFlow one GPU, before CUDA is loaded: of several it would compute on the first, and take some memory of all.
 * GPUs count as in nvidia-smi; where CUDA_VISIBLE_DEVICES names some, --gpu counts those.
 *
 * @param build  what TensorFlow was built for
 * @throws NoEngineError  when one is asked for and there is none
 * @throws UsageError     when there are fewer, naming those
 */
export async function chooseGpu(choice: GpuChoice, build: CudaBuild | undefined): Promise<void> {
  if (build === undefined) {
    if (choice === 'auto') return;
    throw new NoEngineError(
      `--gpu: got ${choice}, but this TensorFlow is built for the CPU; expected its GPU build. ` +
        'Run: losslens engine install --cuda',
    );
  }
  process.env['CUDA_DEVICE_ORDER'] ??= 'PCI_BUS_ID';
  const driver = await askDriver();
  const visible = visibleGpus(driver);
  if (choice === 'auto') {
    const [first] = usable(visible, build);
    if (first !== undefined) process.env['CUDA_VISIBLE_DEVICES'] = first.id;
    return;
  }
  const isAny = visible.length === 0 && mayHaveOthers(driver);
  const chosen = visible[Number(choice)] ?? (isAny ? { id: choice } : undefined);
  if (chosen === undefined) throw tooFewGpus(choice, visible, driver);
  process.env['CUDA_VISIBLE_DEVICES'] = chosen.id;
}

/**
 * Leaves TensorFlow a GPU for each clone, before CUDA is loaded: the first that it has kernels for, of those that
 * CUDA_VISIBLE_DEVICES names.
 *
 * @param build  what TensorFlow was built for
 * @throws UsageError  when there are fewer
 */
export async function chooseCloneGpus(clones: number, build: CudaBuild | undefined): Promise<void> {
  if (build === undefined) throw tooFewForClones(clones, 'this TensorFlow is built for the CPU');
  process.env['CUDA_DEVICE_ORDER'] ??= 'PCI_BUS_ID';
  const driver = await askDriver();
  const visible = visibleGpus(driver);
  const chosen = usable(visible, build).slice(0, clones);
  if (chosen.length === clones) {
    process.env['CUDA_VISIBLE_DEVICES'] = chosen.map(({ id }) => id).join(',');
  } else if (visible.length > 0 || !mayHaveOthers(driver)) {
    const found = chosen.length === 1 ? '1 GPU' : `${chosen.length} GPUs`;
    throw tooFewForClones(clones, `TensorFlow can use ${found}`);
  }
}

/** What is said when there is no GPU for each clone. @param reason  such as "TensorFlow can use 1 GPU" */
export function tooFewForClones(clones: number, reason: string): UsageError {
  return new UsageError(
    `--num_clones: got ${clones}, but ${reason}; expected a GPU for each clone, or --clone_on_cpu.`,
  );
}

/** Those that TensorFlow has kernels for. */
function usable(
  visible: readonly VisibleGpu[],
  { computeCapabilities: [lowest = 0] }: CudaBuild,
): readonly VisibleGpu[] {
  const capabilityOf = ({ gpu }: VisibleGpu) => gpu?.computeCapability ?? Number.POSITIVE_INFINITY;
  return visible.filter((each) => capabilityOf(each) >= lowest);
}

/** Whether there may be GPUs that only TensorFlow can tell of: without the driver's program and files. */
function mayHaveOthers({ version, failure }: DriverReport): boolean {
  const isUnknown = version === undefined && failure === undefined;
  return isUnknown && process.env['CUDA_VISIBLE_DEVICES'] === undefined;
}

function tooFewGpus(
  choice: GpuChoice,
  visible: readonly VisibleGpu[],
  { failure }: DriverReport,
): NoEngineError | UsageError {
  const listed = process.env['CUDA_VISIBLE_DEVICES'];
  if (visible.length === 0) {
    const hidden =
      listed === undefined ? 'the driver lists none' : `CUDA_VISIBLE_DEVICES is "${listed}"`;
    return new NoEngineError(
      `--gpu: got ${choice}, but there is no GPU: ${failure ?? hidden}; expected one. Run: losslens engine doctor`,
    );
  }
  const known = visible.map(
    ({ id, gpu }, i) => `${i} (${gpu === undefined ? id : describeGpu(gpu)})`,
  );
  const those = listed === undefined ? '' : `, of those that CUDA_VISIBLE_DEVICES names`;
  return new UsageError(`--gpu: got ${choice}; expected ${known.join(' or ')}${those}.`);
}
