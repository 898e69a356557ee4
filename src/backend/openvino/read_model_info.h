#ifndef ACCELERD_BACKEND_OPENVINO_READ_MODEL_INFO_H_
#define ACCELERD_BACKEND_OPENVINO_READ_MODEL_INFO_H_

#include <string>

#include "base/status.h"
#include "model/model_files.h"
#include "model/model_info.h"

namespace accelerd::openvino {

struct ReadModel;

/// What a model that was read from `main` says; `slots` and all that follows from compiling it keep their defaults.
/// kInvalidArgument as ReadSignature (signature.h).
absl::StatusOr<ModelInfo> DescribeModel(const ReadModel& read, const std::string& main);

/// What model files say, for backends without a runtime that could read them: signature, output facts, content hash and
/// files. Nothing is compiled; `slots` and `from_cache` keep their defaults. kNotFound, kPermissionDenied,
/// kInvalidArgument, kUnavailable as ReadModelFiles (model_reader.h) and ReadSignature (signature.h).
absl::StatusOr<ModelInfo> ReadModelInfo(const ModelFiles& files);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_READ_MODEL_INFO_H_
