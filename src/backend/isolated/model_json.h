#ifndef ACCELERD_BACKEND_ISOLATED_MODEL_JSON_H_
#define ACCELERD_BACKEND_ISOLATED_MODEL_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "backend/backend.h"

namespace accelerd {

/// The body of `compile`.
struct CompileMessage {
  std::uint32_t model = 0;  ///< Its name in later messages.
  ModelSource source;
};

/// kInvalidArgument: a path is not UTF-8.
absl::StatusOr<std::string> EncodeCompile(const CompileMessage& message);

/// kInvalidArgument names the key that is missing or wrong.
absl::StatusOr<CompileMessage> DecodeCompile(std::string_view body);

/// The answer to it.
std::string EncodeModelInfo(const ModelInfo& info);

/// Also checks that it makes sense: sizes, slots, as many facts as outputs.
absl::StatusOr<ModelInfo> DecodeModelInfo(std::string_view body);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_MODEL_JSON_H_
