#include "config/environment.h"

#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>
#include <system_error>

namespace accelerd {

std::string Environment::Variable(std::string_view name) const {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string() : found->second;
}

Environment ProcessEnvironment() {
  Environment environment;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (const std::size_t equals = text.find('='); equals != std::string_view::npos) {
      environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  std::error_code error;
  environment.working_directory = std::filesystem::current_path(error).string();
  environment.root = geteuid() == 0;
  environment.home = environment.Variable("HOME");
  if (environment.home.empty()) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): before there are other threads.
    if (const passwd* user = getpwuid(geteuid()); user != nullptr && user->pw_dir != nullptr) {
      environment.home = user->pw_dir;
    }
  }
  if (!environment.home.starts_with('/')) {
    environment.home.clear();
  }
  return environment;
}

}  // namespace accelerd
