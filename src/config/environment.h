#ifndef ACCELERD_CONFIG_ENVIRONMENT_H_
#define ACCELERD_CONFIG_ENVIRONMENT_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace accelerd {

/// What options depend on besides the command line and the file.
struct Environment {
  std::map<std::string, std::string, std::less<>> variables;
  std::string working_directory;  ///< Absolute.
  std::string home;               ///< Absolute; empty: the user has none.
  bool root = false;

  /// The variable's value; empty when it is not set.
  std::string Variable(std::string_view name) const;
};

/// That of this process.
Environment ProcessEnvironment();

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_ENVIRONMENT_H_
