import { eventFormats } from './eventFormats.ts';
import { testFormats } from './hostile.ts';

testFormats(eventFormats);
