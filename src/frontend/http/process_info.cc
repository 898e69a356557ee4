#include "frontend/http/process_info.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "base/printable.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

// "PID (NAME) STATE …": the start is the 22nd field (proc(5)), so many behind the name.
constexpr int kFieldsBeforeStart = 19;

}  // namespace

ProcessInfo ReadProcess(pid_t pid, const std::string& proc) {
  ProcessInfo process{.pid = pid};
  std::ifstream file(fmt::format("{}/{}/stat", proc, pid));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // The name may hold anything, parentheses too.
  const std::size_t begin = text.find('(');
  const std::size_t end = text.rfind(')');
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    return process;
  }
  process.name = Printable(text.substr(begin + 1, end - begin - 1));
  std::istringstream fields(text.substr(end + 1));
  std::string ignored;
  for (int i = 0; i < kFieldsBeforeStart; ++i) {
    fields >> ignored;
  }
  if (!(fields >> process.started)) {
    process.started = 0;
  }
  return process;
}

}  // namespace accelerd
