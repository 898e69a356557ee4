#include "backend/conformance.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <utility>

#include "backend/check_tensors.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

using testing::ElementsAre;

constexpr std::chrono::minutes kForEver(2);

RunId NextRun() {
  static std::atomic<std::uint64_t> last{0};
  return RunId{++last};
}

/// Keeps `slots` runs of an add model in flight: each completion starts the next, and checks that its answer is that of
/// its own input.
class Relay {
 public:
  Relay(CompiledModel& model, BackendConformance::Answers answers, int runs)
      : model_(model), answers_(std::move(answers)), unstarted_(runs), left_(runs) {}

  void Start() {
    for (int i = 0; i < model_.info().slots; ++i) {
      Next();
    }
  }

  /// Waits for the last completion. Returns the number of wrong or failed runs.
  int Await() {
    EXPECT_EQ(finished_.get_future().wait_for(kForEver), std::future_status::ready);
    return wrong_;
  }

 private:
  void Next() {
    const int run = unstarted_--;
    if (run <= 0) {
      return;
    }
    const auto value = static_cast<float>(run);
    const Tensor input = FloatTensor({1, 4}, std::vector<float>(4, value));
    model_.Start(NextRun(), {input}, {OutputFor(model_, 0)},
                 [this, expected = answers_(input, value)](absl::StatusOr<RunResult> result) {
                   if (!result.ok() || Floats(result->outputs.at(0)) != expected) {
                     ++wrong_;
                   }
                   Next();
                   if (--left_ == 0) {
                     finished_.set_value();
                   }
                 });
  }

  CompiledModel& model_;
  const BackendConformance::Answers answers_;
  std::atomic<int> unstarted_;
  std::atomic<int> left_;
  std::atomic<int> wrong_{0};
  std::promise<void> finished_;
};

}  // namespace

void PrintTo(const ConformanceSubject& subject, std::ostream* stream) {
  *stream << subject.name;
}

Tensor OutputFor(const CompiledModel& model, std::size_t index) {
  const TensorSpec& spec = model.info().signature.outputs.at(index);
  return IsStatic(spec.shape) ? *Tensor::Allocate(spec.element_type, spec.shape) : Tensor();
}

std::future<absl::StatusOr<RunResult>> StartRun(CompiledModel& model, Tensors inputs) {
  Tensors outputs;
  for (std::size_t i = 0; i < model.info().signature.outputs.size(); ++i) {
    outputs.push_back(OutputFor(model, i));
  }
  auto promise = std::make_shared<std::promise<absl::StatusOr<RunResult>>>();
  model.Start(NextRun(), std::move(inputs), std::move(outputs),
              [promise](absl::StatusOr<RunResult> result) { promise->set_value(std::move(result)); });
  return promise->get_future();
}

absl::StatusOr<RunResult> Await(std::future<absl::StatusOr<RunResult>> future) {
  if (future.wait_for(kForEver) != std::future_status::ready) {
    return absl::DeadlineExceededError("the run never completed");
  }
  return future.get();
}

Tensor FloatTensor(const Shape& shape, const std::vector<float>& values) {
  Tensor tensor = *Tensor::Allocate(ElementType::kF32, shape);
  std::ranges::copy(values, tensor.elements<float>().begin());
  return tensor;
}

std::vector<float> Floats(const Tensor& tensor) {
  const std::span<float> values = tensor.elements<float>();
  return {values.begin(), values.end()};
}

void BackendConformance::SetUp() {
  std::string pattern = testing::TempDir() + "conformance.XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  directory_ = pattern;
  absl::StatusOr<std::unique_ptr<Backend>> created =
      GetParam().create([](const absl::Status& status) { ADD_FAILURE() << "lost: " << status; });
  ASSERT_TRUE(created.ok()) << created.status();
  backend_ = *std::move(created);
  const absl::Status opened = backend_->Open();
  ASSERT_TRUE(opened.ok()) << opened;
}

void BackendConformance::TearDown() {
  backend_.reset();
  std::filesystem::remove_all(directory_);
}

std::unique_ptr<CompiledModel> BackendConformance::CompileAdd(float addend) {
  // At f32 the sums of small integers are exact.
  absl::StatusOr<std::unique_ptr<CompiledModel>> model =
      backend_->Compile({"add", GetParam().write_add_model(directory_, addend), CompileSettings{Precision::kF32}});
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : nullptr;
}

std::vector<float> BackendConformance::Expected(const CompiledModel& model, const Tensor& input,
                                                const std::vector<float>& values) const {
  return GetParam().made_up_values ? GetParam().made_up_values(model.info(), input) : values;
}

BackendConformance::Answers BackendConformance::AnswersOf(const CompiledModel& model, float addend) const {
  return [this, &model, addend](const Tensor& input, float value) {
    return Expected(model, input, std::vector<float>(4, value + addend));
  };
}

TEST_P(BackendConformance, SaysWhatTheModelIs) {
  const std::unique_ptr<CompiledModel> model = CompileAdd(1);
  const ModelInfo& info = model->info();
  ASSERT_EQ(info.signature.inputs.size(), 1);
  EXPECT_EQ(info.signature.inputs[0].element_type, ElementType::kF32);
  EXPECT_THAT(info.signature.inputs[0].shape, ElementsAre(1, 4));
  ASSERT_EQ(info.signature.outputs.size(), 1);
  EXPECT_EQ(info.outputs.size(), 1);
  EXPECT_GE(info.slots, 1);
  EXPECT_EQ(info.content_hash.size(), 64);
  EXPECT_FALSE(info.files.empty());
  EXPECT_TRUE(backend_->Probe().ok());
}

TEST_P(BackendConformance, RunsAndWritesOutputsInPlace) {
  const std::unique_ptr<CompiledModel> model = CompileAdd(10);
  const Tensor input = FloatTensor({1, 4}, {1, 2, 3, 4});
  const Tensor output = OutputFor(*model, 0);
  std::promise<absl::StatusOr<RunResult>> promise;
  model->Start(NextRun(), {input}, {output},
               [&](absl::StatusOr<RunResult> result) { promise.set_value(std::move(result)); });
  const absl::StatusOr<RunResult> result = Await(promise.get_future());
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->outputs.size(), 1);
  EXPECT_EQ(result->outputs[0].bytes().data(), output.bytes().data());
  EXPECT_EQ(Floats(output), Expected(*model, input, {11, 12, 13, 14}));
  EXPECT_THAT(Floats(input), ElementsAre(1, 2, 3, 4));
  EXPECT_GT(result->device_time.count(), 0);
}

TEST_P(BackendConformance, SizesWhatIsUnknownBeforehand) {
  const absl::StatusOr<std::unique_ptr<CompiledModel>> model =
      backend_->Compile({"dynamic", GetParam().write_dynamic_model(directory_), CompileSettings{Precision::kF32}});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT((*model)->info().signature.inputs[0].shape, ElementsAre(-1, 3));
  std::vector<std::vector<float>> expected;
  std::vector<Tensor> outputs;
  for (const std::int64_t batch : {1, 5, 2}) {
    const auto count = static_cast<std::size_t>(3 * batch);
    const Tensor input = FloatTensor({batch, 3}, std::vector<float>(count, static_cast<float>(batch)));
    const absl::StatusOr<RunResult> result = Await(StartRun(**model, {input}));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_THAT(result->outputs[0].shape(), ElementsAre(batch, 3));
    outputs.push_back(result->outputs[0]);
    expected.push_back(Expected(**model, input, std::vector<float>(count, static_cast<float>(2 * batch))));
  }
  // Each has memory of its own, whatever ran later.
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_EQ(Floats(outputs[i]), expected[i]);
  }
}

TEST_P(BackendConformance, NeverMixesUpRunsThatStartFromCompletions) {
  constexpr int kRuns = 5000;
  const std::unique_ptr<CompiledModel> one = CompileAdd(1);
  const std::unique_ptr<CompiledModel> other = CompileAdd(0.5);
  Relay relay(*one, AnswersOf(*one, 1), kRuns);
  Relay other_relay(*other, AnswersOf(*other, 0.5), kRuns);
  relay.Start();
  other_relay.Start();
  EXPECT_EQ(relay.Await(), 0);
  EXPECT_EQ(other_relay.Await(), 0);
}

TEST_P(BackendConformance, CompilesWhileRunsGoOn) {
  const std::unique_ptr<CompiledModel> model = CompileAdd(3);
  Relay relay(*model, AnswersOf(*model, 3), 2000);
  relay.Start();
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(CompileAdd(static_cast<float>(100 + i)), nullptr);
    EXPECT_TRUE(backend_->Probe().ok());
  }
  EXPECT_EQ(relay.Await(), 0);
}

TEST_P(BackendConformance, NeverCompletesInsideStart) {
  const std::unique_ptr<CompiledModel> model = CompileAdd(1);
  static thread_local bool inside = false;
  for (int i = 0; i < 300; ++i) {
    // Every third does not fit.
    const Shape shape = i % 3 == 0 ? Shape{1, 3} : Shape{1, 4};
    std::promise<bool> was_inside;
    inside = true;
    model->Start(NextRun(), {*Tensor::Allocate(ElementType::kF32, shape)}, {OutputFor(*model, 0)},
                 [&](const absl::StatusOr<RunResult>&) { was_inside.set_value(inside); });
    inside = false;
    std::future<bool> future = was_inside.get_future();
    ASSERT_EQ(future.wait_for(kForEver), std::future_status::ready);
    ASSERT_FALSE(future.get());
  }
}

TEST_P(BackendConformance, RefusesTensorsThatDoNotFit) {
  const std::unique_ptr<CompiledModel> model = CompileAdd(1);
  const std::vector<Tensors> misfits = {{},
                                        {Tensor()},
                                        {FloatTensor({1, 5}, {})},
                                        {FloatTensor({4}, {})},
                                        {*Tensor::Allocate(ElementType::kU8, {1, 4})},
                                        {FloatTensor({1, 4}, {}), FloatTensor({1, 4}, {})}};
  for (const Tensors& inputs : misfits) {
    EXPECT_EQ(Await(StartRun(*model, inputs)).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(Await(StartRun(*model, {FloatTensor({1, 4}, {})})).ok());
}

TEST_P(BackendConformance, SurvivesModelsThatDoNotCompile) {
  const std::unique_ptr<CompiledModel> model = CompileAdd(1);
  ModelFiles files = GetParam().write_add_model(directory_, 2);
  files.main = directory_ + "/absent" + std::filesystem::path(files.main).extension().string();
  EXPECT_EQ(backend_->Compile({"absent", files, {}}).status().code(), absl::StatusCode::kNotFound);
  std::ofstream(files.main) << "garbage";
  EXPECT_EQ(backend_->Compile({"garbage", files, {}}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Await(StartRun(*model, {FloatTensor({1, 4}, {})})).ok());
  EXPECT_NE(CompileAdd(4), nullptr);
}

TEST_P(BackendConformance, AModelIsDestroyedRightAfterItsLastCompletion) {
  for (int i = 0; i < 20; ++i) {
    const std::unique_ptr<CompiledModel> model = CompileAdd(1);
    EXPECT_TRUE(Await(StartRun(*model, {FloatTensor({1, 4}, {})})).ok());
  }
}

TEST_P(BackendConformance, AbandonCompletesEveryRunOnce) {
  std::unique_ptr<CompiledModel> model = CompileAdd(1);
  std::vector<std::future<absl::StatusOr<RunResult>>> runs;
  for (int i = 0; i < model->info().slots; ++i) {
    runs.push_back(StartRun(*model, {FloatTensor({1, 4}, {})}));
  }
  backend_->Abandon();
  backend_->Abandon();
  for (auto& run : runs) {
    const absl::StatusOr<RunResult> result = Await(std::move(run));  // A second completion would throw in set_value.
    EXPECT_TRUE(result.ok() || absl::IsUnavailable(result.status())) << result.status();
  }
  EXPECT_TRUE(absl::IsUnavailable(Await(StartRun(*model, {FloatTensor({1, 4}, {})})).status()));
  EXPECT_TRUE(absl::IsUnavailable(backend_->Probe()));

  model.reset();
  ASSERT_TRUE(backend_->Open().ok());
  model = CompileAdd(5);
  ASSERT_NE(model, nullptr);
  const Tensor input = FloatTensor({1, 4}, {});
  EXPECT_EQ(Floats(Await(StartRun(*model, {input}))->outputs[0]), Expected(*model, input, {5, 5, 5, 5}));
}

}  // namespace accelerd
