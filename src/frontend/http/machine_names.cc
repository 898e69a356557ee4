#include "frontend/http/machine_names.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "base/ip_prefix.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxNames = 256;
constexpr std::size_t kMaxFileBytes = 1 << 20;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), absl::ascii_tolower);
  return text;
}

}  // namespace

std::vector<std::string> MachineNames(const std::string& hostname, const std::string& hosts_file) {
  std::vector<std::string> names;
  const auto add = [&names](const std::string& name) {
    if (!name.empty() && names.size() < kMaxNames && std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(name);
    }
  };
  const std::string own = Lower(hostname);
  add(own);
  add(own.substr(0, own.find('.')));

  std::ifstream file(hosts_file);
  std::string text(kMaxFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address;
    words >> address;
    std::vector<std::string> of_line;
    for (std::string word; words >> word;) {
      of_line.push_back(Lower(word));
    }
    const auto ip = ParseIpAddress(address);
    if ((ip && IsLoopback(*ip)) || std::find(of_line.begin(), of_line.end(), own) != of_line.end()) {
      std::for_each(of_line.begin(), of_line.end(), add);
    }
  }
  return names;
}

std::string HostName() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace accelerd
