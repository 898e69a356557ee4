#include "backend/isolated/worker_output.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/log.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxLineBytes = 4096;
constexpr int kMaxReads = 16;  // At once, so that a worker that writes without end does not hold up its runs.

}  // namespace

bool WorkerOutput::Read(int descriptor) {
  std::array<char, 4096> bytes{};
  for (int i = 0; i < kMaxReads; ++i) {
    const ssize_t count = read(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return count < 0 && errno == EAGAIN;
    }
    rest_.append(bytes.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
      LogLine(std::string_view(rest_).substr(begin, end - begin));
      begin = end + 1;
    }
    rest_.erase(0, begin);
    if (rest_.size() > kMaxLineBytes) {
      Finish();
    }
  }
  return true;
}

void WorkerOutput::Finish() {
  LogLine(rest_);
  rest_.clear();
}

void WorkerOutput::LogLine(std::string_view line) {
  if (!line.empty()) {
    LogInfo(component_, line);
  }
}

}  // namespace accelerd
