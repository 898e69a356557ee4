#ifndef ACCELERD_MODEL_LABELS_H_
#define ACCELERD_MODEL_LABELS_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/model_folder.h"

namespace accelerd {

/// The class names of a labels file: one line each, index 0 first. Line ends may be LF or CRLF; empty lines count,
/// except at the end. kInvalidArgument names the line that is not UTF-8.
absl::StatusOr<std::vector<std::string>> ParseLabels(std::string_view text);

/// Reads and parses the labels file `name` in or beneath `folder`, at most 1 MiB. Errors as ModelFolder::ReadFile.
absl::StatusOr<std::vector<std::string>> ReadLabels(const ModelFolder& folder, const std::string& name);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_LABELS_H_
