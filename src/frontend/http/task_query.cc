#include "frontend/http/task_query.h"

#include <cmath>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// Bytes of a client's value that an error message repeats.
constexpr std::size_t kMaxQuoted = 100;

/// Reads a switch, which is false when it is absent.
absl::StatusOr<bool> ReadSwitch(const HttpRequest& request, std::string_view name) {
  const std::string* value = request.query_value(name);
  if (value == nullptr || *value == "0" || *value == "false") {
    return false;
  }
  if (*value == "1" || *value == "true") {
    return true;
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is \"{}\"; it may be 1, true, 0 or false", name, value->substr(0, kMaxQuoted)));
}

/// Reads the bound that scores must exceed from a threshold that scores must reach.
absl::StatusOr<float> ReadThreshold(const std::string& value) {
  float threshold = 0.0F;
  // SimpleAtof also takes "inf", "nan", hexadecimal numbers and spaces.
  const bool plain = value.find_first_not_of("0123456789.eE+-") == std::string::npos;
  if (!plain || !absl::SimpleAtof(value, &threshold) || !(threshold >= 0.0F && threshold <= 1.0F)) {
    return absl::InvalidArgumentError(
        fmt::format("'threshold' is \"{}\"; it may be a number from 0 to 1, such as 0.5", value.substr(0, kMaxQuoted)));
  }
  return threshold > 0.0F ? std::nextafter(threshold, 0.0F) : 0.0F;
}

}  // namespace

absl::StatusOr<TaskQuery> ReadTaskQuery(const HttpRequest& request, Task task) {
  TaskQuery query;
  query.options.min_score = 0.01F;
  query.options.best_of_class = true;
  ACCELERD_ASSIGN_OR_RETURN(query.labels, ReadSwitch(request, "labels"));
  if (const std::string* output = request.query_value("output")) {
    query.options.output = *output;
  }
  const bool has_scores = task == Task::kClassify || task == Task::kDetect;
  if (const std::string* threshold = request.query_value("threshold"); threshold != nullptr && has_scores) {
    ACCELERD_ASSIGN_OR_RETURN(query.options.min_score, ReadThreshold(*threshold));
  }
  if (task == Task::kDetect) {
    ACCELERD_ASSIGN_OR_RETURN(const bool all, ReadSwitch(request, "all"));
    query.options.best_of_class = !all;
  }
  return query;
}

}  // namespace accelerd
