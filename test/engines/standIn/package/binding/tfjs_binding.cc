#include <node_api.h>

#include "tensorflow/c/c_api.h"

int CountGpus();

static napi_value Init(napi_env env, napi_value exports) {
  napi_value version, gpu_count;
  napi_create_string_utf8(env, TF_Version(), NAPI_AUTO_LENGTH, &version);
  napi_create_int32(env, CountGpus(), &gpu_count);
  napi_set_named_property(env, exports, "TF_Version", version);
  napi_set_named_property(env, exports, "gpuCount", gpu_count);
  return exports;
}

NAPI_MODULE(stand_in, Init)
