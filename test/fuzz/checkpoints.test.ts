import { checkpointFormats } from './checkpointFormats.ts';
import { testFormats } from './hostile.ts';

testFormats(checkpointFormats);
