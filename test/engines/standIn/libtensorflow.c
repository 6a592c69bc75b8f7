/* A stand-in for libtensorflow: it has a version, and looks for GPUs the way TensorFlow does. */
#include <dlfcn.h>
#include <stdio.h>

#include "tensorflow/c/c_api.h"

const char *TF_Version(void) { return VERSION; }

#ifdef WITH_CUDA
static const char *const names[] = {"libcudart.so.12", "libcusolver.so.11", "libcudnn.so.9"};

int StandIn_CountGpus(void) {
  int missing = 0;
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    if (dlopen(names[i], RTLD_LAZY) != NULL) continue;
    fprintf(stderr, "dso_loader.cc:65] Could not load dynamic library '%s'; dlerror: %s\n",
            names[i], dlerror());
    missing++;
  }
  if (missing > 0) return 0;
  fprintf(stderr,
          "gpu_device.cc:2020] Created device /job:localhost/replica:0/task:0/device:GPU:0 with "
          "78000 MB memory:  -> device: 0, name: NVIDIA Stand-In, pci bus id: 0000:00:00.0, "
          "compute capability: 9.0\n");
  return 1;
}
#else
int StandIn_CountGpus(void) { return 0; }
#endif
