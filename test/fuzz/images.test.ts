import { testFormats } from './hostile.ts';
import { imageFormats } from './imageFormats.ts';

testFormats(imageFormats);
