/** The thread that saves checkpoints. */
import { doJobs } from '../jobThread.ts';
import { saveJob } from './checkpointWriter.ts';

doJobs(saveJob);
