#ifndef ACCELERD_MODEL_YAML_H_
#define ACCELERD_MODEL_YAML_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace accelerd {

/// A value of a YAML document. Scalars stay text.
struct Yaml {
  enum class Kind { kScalar, kSequence, kMapping };

  Kind kind = Kind::kScalar;
  std::string scalar;
  std::vector<Yaml> items;         ///< Items of a sequence or a mapping, in the order of the file.
  std::vector<std::string> names;  ///< Names of the items of a mapping.

  /// The member `name`; null when this is no mapping or has none.
  const Yaml* Find(std::string_view name) const;

  /// The value on one line: "[17, 3]", "{nms: true}".
  std::string ToText() const;
};

/// Parses the first document of `text`. JSON and the text that Python prints for a dictionary are YAML too.
/// kInvalidArgument: it is not YAML, it uses aliases, a key is not a scalar, it is nested deeper than 16 levels, or it
/// has more than 262,144 values.
absl::StatusOr<Yaml> ParseYaml(std::string_view text);

}  // namespace accelerd

#endif  // ACCELERD_MODEL_YAML_H_
