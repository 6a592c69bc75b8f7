import { archiveFormats } from './archiveFormats.ts';
import { testFormats } from './hostile.ts';

testFormats(archiveFormats);
