/** The thread that writes `items.csv`. */
import { doJobs } from '../jobThread.ts';
import { writeJob } from './itemsWriter.ts';

doJobs(writeJob);
