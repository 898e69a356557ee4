#ifndef ACCELERD_BACKEND_ISOLATED_ISOLATED_FIXTURE_H_
#define ACCELERD_BACKEND_ISOLATED_ISOLATED_FIXTURE_H_

/// \file
/// For tests of devices in workers.

#include <poll.h>
#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backend/conformance.h"
#include "backend/isolated/isolated_backend.h"
#include "backend/openvino/test_models.h"
#include "backend/simulated/stick_fixture.h"
#include "fmt/core.h"
#include "gtest/gtest.h"

namespace accelerd {

/// The processes that `parent` started and did not reap.
inline std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", parent))) {
    std::ifstream file(task.path() / "children");
    for (pid_t child = 0; file >> child;) {
      children.push_back(child);
    }
  }
  return children;
}

inline pid_t OnlyChildOf(pid_t parent) {
  const std::vector<pid_t> children = ChildrenOf(parent);
  EXPECT_EQ(children.size(), 1U);
  return children.empty() ? 0 : children.front();
}

inline std::size_t EntriesOf(const std::string& directory) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()));
}

/// How many mappings of our shared memory a process has, whose permissions are `permissions`; "": any.
inline int MappingsOf(pid_t process, const std::string& permissions) {
  std::ifstream maps(fmt::format("/proc/{}/maps", process));
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    count += line.find("memfd:accelerd") != std::string::npos && line.find(permissions) != std::string::npos ? 1 : 0;
  }
  return count;
}

inline bool EndsInTime(int process_descriptor) {
  pollfd ended{process_descriptor, POLLIN, 0};
  return poll(&ended, 1, static_cast<int>(std::chrono::milliseconds(kForEver).count())) == 1;
}

/// A stick without latency in a worker.
class IsolatedBackendTest : public StickTest {
 protected:
  IsolatedBackendTest() { Set("allow_process_crash", "true"); }

  std::unique_ptr<Backend> Create(IsolatedOptions options = {}) {
    if (options.device.empty()) {
      options.device = "SIMULATED:" + path_;
    }
    return std::make_unique<IsolatedBackend>(std::move(options), [this](const absl::Status& status) {
      EXPECT_TRUE(absl::IsUnavailable(status));
      loss_ = std::string(Message(status));
      ++losses_;
    });
  }

  std::unique_ptr<Backend> CreateOpen() {
    std::unique_ptr<Backend> backend = Create();
    const absl::Status opened = backend->Open();
    EXPECT_TRUE(opened.ok()) << opened;
    return backend;
  }

  std::unique_ptr<CompiledModel> CompileAdd(Backend& backend) {
    absl::StatusOr<std::unique_ptr<CompiledModel>> model =
        backend.Compile({"add", openvino::WriteIr(openvino::AddModel(1), directory_.path(), "add"), {}});
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  }

  void Add(FaultKind kind, FaultStage stage) { StickTest::Add({.kind = kind, .stage = stage}); }

  static absl::StatusOr<RunResult> Run(CompiledModel& model, float value = 1) {
    return Await(StartRun(model, {FloatTensor({1, 4}, std::vector<float>(4, value))}));
  }

  /// Waits for a loss, which comes after the completion of the runs, or before.
  void AwaitLoss() {
    while (losses_ == 0) {
      std::this_thread::yield();
    }
  }

  std::atomic<int> losses_{0};
  std::string loss_;
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_ISOLATED_FIXTURE_H_
