#ifndef ACCELERD_MODEL_LABELS_H_
#define ACCELERD_MODEL_LABELS_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/status.h"

namespace accelerd {

/// The class names of a labels file: one line each, index 0 first. Line ends may be LF or CRLF; empty lines count,
/// except at the end. kInvalidArgument names the line that is not UTF-8.
absl::StatusOr<std::vector<std::string>> ParseLabels(std::string_view text);

/// Reads and parses the labels file `name` in or beneath `folder`, at most 1 MiB. A link that leads out of the folder
/// is kPermissionDenied.
absl::StatusOr<std::vector<std::string>> ReadLabels(const InputFolder& folder, const std::string& name);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_LABELS_H_
