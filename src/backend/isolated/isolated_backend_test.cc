#include "backend/isolated/isolated_backend.h"

#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "backend/isolated/isolated_fixture.h"
#include "backend/registry.h"
#include "backend/simulated/output_function.h"
#include "fmt/core.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

TEST_F(IsolatedBackendTest, InputsAreMappedReadOnlyAndForgotten) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = CompileAdd(*backend);
  const pid_t worker = OnlyChildOf(getpid());
  EXPECT_EQ(MappingsOf(worker, ""), 0);
  {
    BufferPool inputs(1 << 20, BufferPool::Kind::kShared);
    const Tensor input(ElementType::kF32, {1, 4}, inputs.Allocate(16).value());
    EXPECT_TRUE(Await(StartRun(*model, {input})).ok());
    EXPECT_EQ(MappingsOf(worker, "r--s"), 1);
    EXPECT_EQ(MappingsOf(worker, "rw-s"), 1);  // Of outputs: not the caller's, these are copied.
    EXPECT_TRUE(Await(StartRun(*model, {input})).ok());
    EXPECT_EQ(MappingsOf(worker, ""), 2);
  }
  EXPECT_TRUE(backend->Probe().ok());
  EXPECT_EQ(MappingsOf(worker, "r--s"), 0);
}

TEST_F(IsolatedBackendTest, CarriesLargeOutputsOfUnknownSize) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  const auto model =
      backend->Compile({"dynamic", openvino::WriteIr(openvino::DynamicBatchModel(), directory_.path(), "dynamic"), {}})
          .value();
  for (const std::int64_t batch : {1, 100000, 0, 6000}) {
    const Tensor input = FloatTensor({batch, 3}, std::vector<float>(static_cast<std::size_t>(3 * batch), 2));
    const absl::StatusOr<RunResult> result = Await(StartRun(*model, {input}));
    ASSERT_TRUE(result.ok()) << result.status();
    const Tensor expected = *Tensor::Allocate(ElementType::kF32, input.shape());
    FillOutput(InputSeed(model->info().content_hash, {input}), 0, expected);
    EXPECT_EQ(result->outputs.at(0).shape(), input.shape());
    EXPECT_EQ(Floats(result->outputs.at(0)), Floats(expected));
  }
}

TEST_F(IsolatedBackendTest, AProbeDoesNotWaitForEver) {
  const std::unique_ptr<Backend> backend = Create({.probe_bound = std::chrono::seconds(1)});
  ASSERT_TRUE(backend->Open().ok());
  EXPECT_TRUE(backend->Probe().ok());
  kill(OnlyChildOf(getpid()), SIGSTOP);
  EXPECT_TRUE(absl::IsUnavailable(backend->Probe()));
  EXPECT_TRUE(backend->Open().ok());
  EXPECT_TRUE(backend->Probe().ok());
}

TEST_F(IsolatedBackendTest, AWorkerThatIsNoneIsAnError) {
  const auto open = [this](const std::vector<std::string>& command) {
    const std::unique_ptr<Backend> backend =
        Create({.worker_command = command, .hello_bound = std::chrono::seconds(1)});
    const absl::Status status = backend->Open();
    EXPECT_TRUE(absl::IsUnavailable(status));
    EXPECT_TRUE(absl::IsUnavailable(backend->Probe()));
    return status.ToString();
  };
  EXPECT_THAT(open({"/nowhere/worker"}), HasSubstr("No such file"));
  EXPECT_THAT(open({"sh", "-c", "exit 7"}), HasSubstr("ended with exit status 7"));
  EXPECT_THAT(open({"sleep", "1000"}), HasSubstr("does not answer"));
  EXPECT_THAT(open({"sh", "-c", "exec 3>&-; sleep 1000"}), HasSubstr("closed its connection"));
  EXPECT_TRUE(ChildrenOf(getpid()).empty());
}

TEST_F(IsolatedBackendTest, TheRegistryPutsADeviceIntoAWorker) {
  const auto opened = [](BackendOptions options) {
    options.isolation = BackendOptions::Isolation::kWorker;
    const std::unique_ptr<Backend> backend = CreateBackend(options, [](const absl::Status&) {}).value();
    EXPECT_TRUE(backend->Open().ok());
    EXPECT_EQ(ChildrenOf(getpid()).size(), 1U);
  };
  opened({.device = "SIMULATED:" + path_});
  // A worker of another kind has names of its own, which only it can judge.
  EXPECT_FALSE(CreateBackend({.device = "my device", .isolation = BackendOptions::Isolation::kWorker}, {}).ok());
  EXPECT_TRUE(
      CreateBackend(
          {.device = "my device", .isolation = BackendOptions::Isolation::kWorker, .worker_command = {"/opt/worker"}},
          {})
          .ok());
}

TEST_F(IsolatedBackendTest, LogsWhatTheWorkerSays) {
  testing::internal::CaptureStderr();
  EXPECT_FALSE(Create({.worker_command = {"sh", "-c", "echo one; echo two >&2; printf three"}})->Open().ok());
  const std::string log = testing::internal::GetCapturedStderr();
  for (const char* line : {"one\n", "two\n", "three\n"}) {
    EXPECT_THAT(log, HasSubstr(fmt::format("worker SIMULATED:{}: {}", path_, line)));
  }
}

}  // namespace
}  // namespace accelerd
