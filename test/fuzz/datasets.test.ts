import { datasetFormats } from './datasetFormats.ts';
import { testFormats } from './hostile.ts';

testFormats(datasetFormats);
