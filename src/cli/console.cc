#include "cli/console.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "base/printable.h"
#include "cli/exit_codes.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxInputBytes = std::size_t{2} << 30;
constexpr std::size_t kReadBytes = 1 << 16;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

absl::Status CannotRead() {
  return absl::NotFoundError(fmt::format("cannot be read: {}", std::generic_category().message(errno)));
}

absl::StatusOr<std::string> ReadAll(std::FILE* file) {
  std::string bytes;
  std::size_t count = kReadBytes;
  while (count == kReadBytes) {
    const std::size_t before = bytes.size();
    if (before > kMaxInputBytes) {
      return absl::InvalidArgumentError(fmt::format("is larger than {} bytes", kMaxInputBytes));
    }
    bytes.resize(before + kReadBytes);
    count = std::fread(bytes.data() + before, 1, kReadBytes, file);
    bytes.resize(before + count);
  }
  if (std::ferror(file) != 0) {
    return CannotRead();
  }
  return bytes;
}

}  // namespace

void ReserveStandardDescriptors() {
  // Opened so that their use fails, as it would on a closed one.
  const std::array<int, 3> modes = {O_WRONLY, O_RDONLY, O_RDONLY};
  for (int descriptor = 0; descriptor < static_cast<int>(modes.size()); ++descriptor) {
    if (fcntl(descriptor, F_GETFD) == -1 && errno == EBADF) {
      // The lowest free number: those below are open by now.
      (void)open("/dev/null", modes[static_cast<std::size_t>(descriptor)]);  // NOLINT: inherited like the real one.
    }
  }
}

void PrintMessage(std::string_view message) {
  const std::string line = fmt::format("accelerd: {}\n", Printable(message));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

int UsageError(std::string_view command, std::string_view message) {
  PrintMessage(message);
  const std::string hint = fmt::format("see accelerd {} --help\n", command);
  std::fwrite(hint.data(), 1, hint.size(), stderr);
  return kExitUsage;
}

void WriteOutput(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

bool IsTerminal() {
  return isatty(STDOUT_FILENO) == 1;
}

int FlushOutput(int exit_code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
    return exit_code;
  }
  if (errno != EPIPE) {
    PrintMessage(fmt::format("cannot write to standard output: {}", std::generic_category().message(errno)));
  }
  return exit_code == kExitOk ? kExitFailed : exit_code;
}

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  if (path == "-") {
    return ReadAll(stdin);
  }
  const File file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (file == nullptr) {
    return CannotRead();
  }
  return ReadAll(file.get());
}

absl::Status WriteFile(const std::string& path, std::string_view bytes) {
  if (path == "-") {
    WriteOutput(bytes);
    return absl::OkStatus();
  }
  File file(std::fopen(path.c_str(), "wbe"), std::fclose);
  const bool written = file != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  // fclose flushes: a full disk may show only here.
  if (!written || std::fclose(file.release()) != 0) {
    return absl::UnknownError(fmt::format("cannot write {}: {}", path, std::generic_category().message(errno)));
  }
  return absl::OkStatus();
}

}  // namespace accelerd
