#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "backend/isolated/isolated_fixture.h"
#include "backend/simulated/output_function.h"
#include "fmt/core.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

/// Runs without end, and counts what becomes of them.
class Load {
 public:
  Load(CompiledModel& model, int at_once) : model_(model), left_(at_once) {
    for (int i = 0; i < at_once; ++i) {
      Next();
    }
  }

  /// Waits until each run has completed, after the worker is gone.
  void Join() { EXPECT_EQ(over_.get_future().wait_for(kForEver), std::future_status::ready); }

  std::atomic<int> started{0};
  std::atomic<int> right{0};
  std::atomic<int> unavailable{0};
  std::atomic<int> wrong{0};

 private:
  void Next() {
    const Tensor input = FloatTensor({1, 4}, std::vector<float>(4, static_cast<float>(++started)));
    const Tensor expected = FloatTensor({1, 4}, {0, 0, 0, 0});
    FillOutput(InputSeed(model_.info().content_hash, {input}), 0, expected);
    model_.Start(RunId{1}, {input}, {OutputFor(model_, 0)}, [this, expected](absl::StatusOr<RunResult> result) {
      if (absl::IsUnavailable(result.status())) {
        ++unavailable;
        if (--left_ == 0) {
          over_.set_value();
        }
        return;
      }
      ++(result.ok() && Floats(result->outputs.at(0)) == Floats(expected) ? right : wrong);
      Next();
    });
  }

  CompiledModel& model_;
  std::atomic<int> left_;
  std::promise<void> over_;
};

TEST_F(IsolatedBackendTest, EachRunCompletesOnceWhenTheWorkerIsKilled) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  for (int round = 0; round < 20; ++round) {
    losses_ = 0;
    std::unique_ptr<CompiledModel> model = CompileAdd(*backend);
    Load load(*model, model->info().slots);
    while (load.right < 5 * round) {
      std::this_thread::yield();
    }
    kill(OnlyChildOf(getpid()), SIGKILL);
    load.Join();
    AwaitLoss();
    EXPECT_EQ(load.wrong, 0);
    EXPECT_EQ(load.unavailable, model->info().slots);
    EXPECT_EQ(load.started, load.right + load.unavailable);
    EXPECT_THAT(loss_, HasSubstr("was killed by signal 9"));
    EXPECT_TRUE(absl::IsUnavailable(Run(*model).status()));
    EXPECT_TRUE(absl::IsUnavailable(backend->Probe()));
    EXPECT_TRUE(absl::IsUnavailable(backend->Compile({"add", {}, {}}).status()));
    model.reset();
    ASSERT_TRUE(backend->Open().ok());
    EXPECT_EQ(losses_, 1);
  }
}

TEST_F(IsolatedBackendTest, AHungWorkerIsGivenUp) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  std::unique_ptr<CompiledModel> model = CompileAdd(*backend);
  const pid_t worker = OnlyChildOf(getpid());
  const UniqueFd worker_descriptor = OpenProcess(worker);
  kill(worker, SIGSTOP);
  auto run = StartRun(*model, {FloatTensor({1, 4}, {1, 2, 3, 4})});
  backend->Abandon();
  EXPECT_TRUE(absl::IsUnavailable(Await(std::move(run)).status()));
  EXPECT_TRUE(EndsInTime(worker_descriptor.get()));
  EXPECT_TRUE(absl::IsUnavailable(Run(*model).status()));
  model.reset();
  ASSERT_TRUE(backend->Open().ok());
  EXPECT_NE(OnlyChildOf(getpid()), worker);
  EXPECT_EQ(losses_, 0);
  EXPECT_TRUE(Run(*CompileAdd(*backend)).ok());
}

TEST_F(IsolatedBackendTest, OutputsOfAGivenUpRunAreKeptUntilTheWorkerIsReaped) {
  Edit([](StickState& state) { EXPECT_TRUE(SetStickSetting(state.settings, "latency", "3600s").ok()); });
  const std::unique_ptr<Backend> backend = CreateOpen();
  std::unique_ptr<CompiledModel> model = CompileAdd(*backend);
  const pid_t worker = OnlyChildOf(getpid());
  std::weak_ptr<Buffer> output;
  std::promise<bool> was_there;
  {
    const Tensor tensor = OutputFor(*model, 0);
    output = tensor.buffer();
    model->Start(RunId{1}, {FloatTensor({1, 4}, {})}, {tensor}, [&](const absl::StatusOr<RunResult>&) {
      was_there.set_value(!output.expired() || kill(worker, 0) != 0);
    });
  }
  backend->Abandon();
  EXPECT_TRUE(was_there.get_future().get());
  model.reset();
  ASSERT_TRUE(backend->Open().ok());
  EXPECT_TRUE(output.expired());
}

TEST_F(IsolatedBackendTest, ACrashLeavesTensorsAsTheyWere) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = CompileAdd(*backend);
  BufferPool inputs(1 << 20, BufferPool::Kind::kShared);
  BufferPool outputs(1 << 20, BufferPool::Kind::kShared);
  const Tensor input(ElementType::kF32, {1, 4}, inputs.Allocate(16).value());
  const Tensor output(ElementType::kF32, {1, 4}, outputs.Allocate(16).value());
  std::ranges::fill(input.elements<float>(), 7.0F);
  std::ranges::fill(output.elements<float>(), 7.0F);
  const auto run = [&] {
    std::promise<absl::StatusOr<RunResult>> promise;
    model->Start(RunId{1}, {input}, {output},
                 [&](absl::StatusOr<RunResult> result) { promise.set_value(std::move(result)); });
    return Await(promise.get_future());
  };
  ASSERT_TRUE(run().ok());
  const std::vector<float> answer = Floats(output);
  Add(FaultKind::kScribble, FaultStage::kRun);
  EXPECT_TRUE(absl::IsUnavailable(run().status()));
  AwaitLoss();
  EXPECT_EQ(Floats(input), std::vector<float>(4, 7.0F));
  EXPECT_EQ(Floats(output), answer);
}

TEST_F(IsolatedBackendTest, ALossThatTheDriverReportsEndsTheWorker) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  const std::unique_ptr<CompiledModel> model = CompileAdd(*backend);
  const UniqueFd worker = OpenProcess(OnlyChildOf(getpid()));
  Edit([](StickState& state) { Plug(state, false); });
  EXPECT_TRUE(absl::IsUnavailable(Run(*model).status()));
  AwaitLoss();
  EXPECT_TRUE(EndsInTime(worker.get()));
  EXPECT_EQ(losses_, 1);
}

TEST_F(IsolatedBackendTest, ACrashWhileOpeningOrLoadingIsAnError) {
  const std::unique_ptr<Backend> backend = Create();
  Add(FaultKind::kCrash, FaultStage::kOpen);
  const absl::Status opened = backend->Open();
  EXPECT_TRUE(absl::IsUnavailable(opened));
  EXPECT_THAT(opened.ToString(), HasSubstr("killed by signal 11"));
  EXPECT_EQ(losses_, 0);
  ASSERT_TRUE(backend->Open().ok());
  Add(FaultKind::kCrash, FaultStage::kLoad);
  const ModelFiles files = openvino::WriteIr(openvino::AddModel(1), directory_.path(), "add");
  EXPECT_TRUE(absl::IsUnavailable(backend->Compile({"add", files, {}}).status()));
  AwaitLoss();
  ASSERT_TRUE(backend->Open().ok());
  EXPECT_TRUE(Run(*CompileAdd(*backend)).ok());
}

TEST_F(IsolatedBackendTest, AbandonEndsAnOpenThatHangs) {
  const std::unique_ptr<Backend> backend = Create();
  Add(FaultKind::kHang, FaultStage::kOpen);
  std::thread killer([&] {
    // The fault is taken out of the file before it strikes.
    while (!StickFile(path_).Read()->faults.empty()) {
      std::this_thread::yield();
    }
    backend->Abandon();
  });
  EXPECT_TRUE(absl::IsUnavailable(backend->Open()));
  killer.join();
  EXPECT_TRUE(backend->Open().ok());
}

TEST_F(IsolatedBackendTest, NothingLeaksOverRestarts) {
  const std::unique_ptr<Backend> backend = CreateOpen();
  const auto live = [&] {
    const std::unique_ptr<CompiledModel> model = CompileAdd(*backend);
    EXPECT_TRUE(Run(*model).ok());
    kill(OnlyChildOf(getpid()), SIGKILL);
    EXPECT_TRUE(absl::IsUnavailable(Run(*model).status()));
  };
  live();
  ASSERT_TRUE(backend->Open().ok());
  const std::size_t descriptors = EntriesOf("/proc/self/fd");
  const std::size_t threads = EntriesOf("/proc/self/task");
  const int mappings = MappingsOf(getpid(), "");
  for (int i = 0; i < 50; ++i) {
    live();
    ASSERT_TRUE(backend->Open().ok());
  }
  EXPECT_EQ(EntriesOf("/proc/self/fd"), descriptors);
  EXPECT_EQ(EntriesOf("/proc/self/task"), threads);
  EXPECT_EQ(MappingsOf(getpid(), ""), mappings);
  EXPECT_EQ(ChildrenOf(getpid()).size(), 1U);
}

/// Kills a daemon that has a worker, whose process is `prepare`d first; the worker has to end.
void ExpectWorkerToDieWithItsDaemon(const std::string& device, const std::function<void(pid_t)>& prepare) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command = fmt::format("echo $$; exec '{}' daemon '{}'", self, device);
  FILE* output = popen(command.c_str(), "r");  // NOLINT(cert-env33-c)
  ASSERT_NE(output, nullptr);
  pid_t daemon = 0;
  char word[10] = "";
  ASSERT_EQ(std::fscanf(output, "%d %9s", &daemon, word), 2);  // NOLINT(cert-err34-c)
  ASSERT_STREQ(word, "open");
  const pid_t worker = OnlyChildOf(daemon);
  const UniqueFd worker_descriptor = OpenProcess(worker);
  ASSERT_TRUE(worker_descriptor.valid());
  prepare(worker);
  kill(daemon, SIGKILL);
  EXPECT_TRUE(EndsInTime(worker_descriptor.get()));
  pclose(output);
}

TEST_F(IsolatedBackendTest, TheWorkerDiesWithTheDaemon) {
  ExpectWorkerToDieWithItsDaemon("SIMULATED:" + path_, [](pid_t) {});
}

TEST_F(IsolatedBackendTest, AStoppedWorkerDiesWithTheDaemon) {
  ExpectWorkerToDieWithItsDaemon("SIMULATED:" + path_, [](pid_t worker) { kill(worker, SIGSTOP); });
}

}  // namespace
}  // namespace accelerd
