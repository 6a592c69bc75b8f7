#include "tensorflow/c/c_api.h"

int CountGpus() { return StandIn_CountGpus(); }
