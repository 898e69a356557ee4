#ifndef ACCELERD_MODEL_ZIP_MEMBER_H_
#define ACCELERD_MODEL_ZIP_MEMBER_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace accelerd {

/// Extracts the member `name` of the zip archive at the end of `file`, such as a labels file that is appended to a
/// TFLite model. kNotFound: there is no archive, or it has no such member. kInvalidArgument: the archive is damaged, or
/// the member has more than `max_bytes`.
absl::StatusOr<std::string> ReadZipMember(std::string_view file, const std::string& name, std::size_t max_bytes);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_ZIP_MEMBER_H_
