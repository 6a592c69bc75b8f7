// Two functions of TensorFlow's log (Abseil's), with other answers. Loaded before TensorFlow with its symbols visible,
// they take the place of its own, whatever of TensorFlow logs when: its libraries log while they are being loaded,
// before any setting of theirs can be called. Informational messages stay away; warnings and errors are written as ever.
#include "absl/base/log_severity.h"
#include "absl/log/globals.h"
#include "absl/log/internal/globals.h"

namespace absl {
ABSL_NAMESPACE_BEGIN

LogSeverityAtLeast StderrThreshold() { return LogSeverityAtLeast::kWarning; }

namespace log_internal {
// Else the threshold is ignored, and a first line says so.
bool IsInitialized() { return true; }
}  // namespace log_internal

ABSL_NAMESPACE_END
}  // namespace absl
