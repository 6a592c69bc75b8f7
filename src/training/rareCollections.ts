/**
 * Has V8 search for garbage less often than it would.
 *
 * Pictures and batches come and go by the megabyte, beside JavaScript's heap. V8 counts them, and each time that some
 * ten have come it marks all that the heap holds, the program itself above all: up to a tenth of the processor time
 * of a training whose network takes none. With this it waits until heap and such memory are three times what was left the
 * last time, which takes some 60 MB more (docs/benchmarks.md).
 */
import { setFlagsFromString } from 'node:v8';

// Read anew at each collection, so that it may be set while the program runs.
setFlagsFromString('--heap-growing-percent=200');
