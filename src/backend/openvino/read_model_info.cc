#include "backend/openvino/read_model_info.h"

#include <utility>

#include "backend/openvino/core.h"
#include "backend/openvino/input_facts.h"
#include "backend/openvino/model_reader.h"
#include "backend/openvino/output_facts.h"
#include "backend/openvino/signature.h"

namespace accelerd::openvino {

absl::StatusOr<ModelInfo> DescribeModel(const ReadModel& read, const std::string& main) {
  ModelInfo info;
  absl::StatusOr<Signature> signature = ReadSignature(*read.model);
  if (!signature.ok()) {
    return Annotate(signature.status(), main);
  }
  info.signature = *std::move(signature);
  ACCELERD_ASSIGN_OR_RETURN(
      info.outputs, Guard(absl::StatusCode::kInvalidArgument, main, [&] { return ReadOutputFacts(*read.model); }));
  ACCELERD_ASSIGN_OR_RETURN(
      info.inputs, Guard(absl::StatusCode::kInvalidArgument, main, [&] { return ReadInputFacts(*read.model); }));
  info.content_hash = read.content_hash;
  info.files = read.files;
  info.metadata = read.metadata;
  return info;
}

absl::StatusOr<ModelInfo> ReadModelInfo(const ModelFiles& files) {
  ACCELERD_ASSIGN_OR_RETURN(const ReadModel read, ReadModelFiles(files));
  return DescribeModel(read, files.main);
}

}  // namespace accelerd::openvino
