"""Prints each array of FILES as JSON: its type, shape and values, and at which byte of the file they begin."""
import json
import sys

import numpy as np

arrays = []
for path in sys.argv[1:]:
    array = np.load(path, mmap_mode='r', allow_pickle=False)
    arrays.append({'dtype': array.dtype.name, 'shape': array.shape, 'values': array.tolist(), 'offset': array.offset})
print(json.dumps(arrays))
