#ifndef ACCELERD_CONFIG_CONFIG_FILE_H_
#define ACCELERD_CONFIG_CONFIG_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace accelerd {

/// One `key = value` of a configuration file.
struct FileEntry {
  enum class Type { kString, kInteger, kFloat, kBoolean, kStringArray, kOther };

  std::string key;
  Type type = Type::kOther;
  std::string type_name;           ///< For people: "a boolean", "a table".
  std::vector<std::string> texts;  ///< The elements of an array, else one; none for kOther.
  std::string place;               ///< "/etc/accelerd.toml:3:1"
};

/// The entries of a TOML document in their order. `path` is for places. kInvalidArgument with the place: not TOML.
absl::StatusOr<std::vector<FileEntry>> ParseConfigFile(std::string_view text, const std::string& path);

/// The same from a regular file of at most 1 MiB. kInvalidArgument also when it cannot be read, or is a pipe or another
/// thing that could keep the start waiting.
absl::StatusOr<std::vector<FileEntry>> ReadConfigFile(const std::string& path);

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_CONFIG_FILE_H_
