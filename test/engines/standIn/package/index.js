// A stand-in for tfjs-node-gpu: its addon is real, its one graph is y = x + 1.
const binding = require('./lib/napi-v8/tfjs_binding.node');

exports.findBackend = () => ({
  isUsingGpuDevice: binding.gpuCount > 0,
  binding,
  loadSavedModelMetaGraph: () => 0,
  runSavedModel: (_, [x]) => [
    exports.tensor(
      x.dataSync().map((value) => value + 1),
      x.shape,
    ),
  ],
  deleteSavedModel: () => {},
});
exports.getBackend = () => 'tensorflow';
exports.tensor = (data, shape) => ({ shape, dataSync: () => data });
exports.dispose = () => {};
