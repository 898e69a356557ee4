#ifndef ACCELERD_CONFIG_ARGUMENT_ERRORS_H_
#define ACCELERD_CONFIG_ARGUMENT_ERRORS_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace accelerd {

/// The error for an argument that `command` does not take, with a suggestion out of `flags` ("--name") if one is near.
absl::Status UnexpectedArgument(std::string_view command, std::string_view argument,
                                const std::vector<std::string>& flags);

/// The error for a flag without its value; `message` is the parser's own and begins with "FLAG:".
absl::Status MissingValue(std::string_view message);

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_ARGUMENT_ERRORS_H_
