"""Lists the GPU kernels of TensorFlow's GPU build.

    python test/python/gpu_kernels.py > test/engines/gpuKernels.golden.json

Needs TensorFlow's GPU build (pip install tensorflow, not tensorflow-cpu): its registry has the CUDA kernels even
where there is no GPU. Of each operation: the names of its arguments, NAME*ATTRIBUTE for one that is several tensors,
and its kernels in the order in which they are looked for, those for GPUs before those for any device. A kernel is
{attribute: types that it takes}, an attribute that is not named being free, and under "host" the arguments that it
wants, or leaves, in the host's memory.
"""
import json
import sys

import tensorflow as tf
from tensorflow.python.framework import kernels, op_def_registry

# In the order in which kernels are looked for.
DEVICES = ('GPU', 'DEFAULT')
# The element types that graphs here use, and those that bytes of images would.
TYPES = ('float32', 'bfloat16', 'int32', 'int64', 'bool', 'uint8', 'resource')


def names(device_types):
    """The public operations with a kernel for one of these, in order."""
    registered = kernels.get_all_registered_kernels().kernel
    found = {kernel.op for kernel in registered if kernel.device_type in device_types}
    return sorted(op for op in found if op[0] != '_' and op_def_registry.get(op) is not None)


def argument(arg):
    several = arg.number_attr or arg.type_list_attr
    return f'{arg.name}*{several}' if several else arg.name


def described(kernel):
    """A kernel as written, or None for one of other types."""
    result = {}
    for constraint in kernel.constraint:
        allowed = [tf.as_dtype(number).name for number in constraint.allowed_values.list.type]
        result[constraint.name] = [name for name in TYPES if name in allowed]
        if not result[constraint.name]:
            return None
    if kernel.host_memory_arg:
        result['host'] = sorted(set(kernel.host_memory_arg))
    return result


def merged(listed):
    """The same kernels, as long as two of them differ in the types of one attribute alone as one."""
    result = []
    for kernel in listed:
        for other in result:
            differing = [key for key in kernel.keys() | other.keys() if kernel.get(key) != other.get(key)]
            if not differing:
                break
            if len(differing) == 1 and differing != ['host'] and kernel.keys() == other.keys():
                both = {*kernel[differing[0]], *other[differing[0]]}
                other[differing[0]] = [name for name in TYPES if name in both]
                break
        else:
            result.append(kernel)
    return result if len(result) == len(listed) else merged(result)


def kernels_of(op):
    registered = kernels.get_registered_kernels_for_op(op).kernel
    result = []
    for device in DEVICES:
        listed = [described(kernel) for kernel in registered if kernel.device_type == device and not kernel.label]
        found = merged([kernel for kernel in listed if kernel is not None])
        result += [kernel for kernel in found if kernel not in result]
    return result


if not tf.test.is_built_with_cuda():
    sys.exit('gpu_kernels.py: got a TensorFlow without CUDA; expected its GPU build (pip install tensorflow).')

print('{')
print(f'  "tensorflow": "{tf.__version__}",')
print('  "operations": {')
operations = names(DEVICES)
for op in operations:
    definition = op_def_registry.get(op)
    entry = {
        'inputs': [argument(arg) for arg in definition.input_arg],
        'outputs': [argument(arg) for arg in definition.output_arg],
        'kernels': kernels_of(op),
    }
    print(f'    "{op}": {json.dumps(entry)}' + ('' if op == operations[-1] else ','))
print('  }')
print('}')
