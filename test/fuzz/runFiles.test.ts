import { testFormats } from './hostile.ts';
import { runFileFormats } from './runFileFormats.ts';

testFormats(runFileFormats);
