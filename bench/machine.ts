/** What a bench ran on. */
import { availableParallelism, cpus } from 'node:os';

/** "2 × Intel(R) Xeon(R) Processor": the processor's cores that this process may use. */
export const processors = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}`;

/** The same with the version of Node.js. */
export const machine = `${processors}, Node ${process.versions.node}`;
