#ifndef ACCELERD_CLI_PRESENT_H_
#define ACCELERD_CLI_PRESENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "nlohmann/json.hpp"

/// \file
/// Answers of the service for programs and for people. kUnknown: the body is not what the call answers.

namespace accelerd {

/// Names of classes by index; tables get a column of them when there are any.
using Labels = std::vector<std::string>;

/// A result twice.
struct Presentation {
  nlohmann::json json;
  std::string text;  ///< Lines for people.
};

/// A class map, row by row.
struct ClassMask {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<std::int32_t> classes;
};

/// Of /classify: the service's own JSON; class, score and label.
absl::StatusOr<Presentation> PresentClasses(std::string_view body, const Labels& labels);

/// Of /detect: the service's own JSON; class, score, box and label.
absl::StatusOr<Presentation> PresentDetections(std::string_view body, const Labels& labels);

/// Of /inference: {"dtype", "shape", "values"} with every value in row-major order; shape, type, range and the first
/// few values.
absl::StatusOr<Presentation> PresentArray(std::string_view npy);

/// The .npy body of /segment.
absl::StatusOr<ClassMask> ParseMask(std::string_view npy);

/// {"rows", "columns", "classes": [{"class", "pixels"}, …]}; the classes that occur, with their pixels and share.
Presentation PresentMask(const ClassMask& mask, const Labels& labels);

/// One name a line. kNotFound: the file cannot be read.
absl::StatusOr<Labels> ReadLabelLines(const std::string& path);

}  // namespace accelerd

#endif  // ACCELERD_CLI_PRESENT_H_
