/// \file
/// The tests; and, by their arguments, the processes that the tests need: the worker itself, and a daemon to be killed.

#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "backend/isolated/isolated_backend.h"
#include "backend/isolated/worker.h"
#include "backend/registry.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

/// Opens a device, says so, and waits to be killed.
int RunDaemon(const std::string& device) {
  IsolatedBackend backend({.device = device}, [](const absl::Status&) {});
  std::puts(backend.Open().ok() ? "open" : "failed");
  std::fflush(stdout);
  for (;;) {
    pause();
  }
}

}  // namespace
}  // namespace accelerd

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments[0] == "worker") {
    return accelerd::RunWorker(std::span(arguments).subspan(1), {accelerd::CreateBackend, accelerd::RuntimeVersions});
  }
  if (arguments.size() == 2 && arguments[0] == "daemon") {
    return accelerd::RunDaemon(arguments[1]);
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
