#include "backend/openvino/read_model_info.h"

#include <utility>

#include "backend/openvino/core.h"
#include "backend/openvino/model_reader.h"
#include "backend/openvino/output_facts.h"
#include "backend/openvino/signature.h"

namespace accelerd::openvino {

absl::StatusOr<ModelInfo> ReadModelInfo(const ModelFiles& files) {
  ACCELERD_ASSIGN_OR_RETURN(ReadModel read, ReadModelFiles(files));
  ModelInfo info;
  absl::StatusOr<Signature> signature = ReadSignature(*read.model);
  if (!signature.ok()) {
    return Annotate(signature.status(), files.main);
  }
  info.signature = *std::move(signature);
  ACCELERD_ASSIGN_OR_RETURN(info.outputs, Guard(absl::StatusCode::kInvalidArgument, files.main,
                                                [&] { return ReadOutputFacts(*read.model); }));
  info.content_hash = std::move(read.content_hash);
  info.files = std::move(read.files);
  return info;
}

}  // namespace accelerd::openvino
