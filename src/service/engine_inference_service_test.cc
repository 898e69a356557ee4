#include "service/engine_inference_service.h"

#include <algorithm>
#include <optional>
#include <semaphore>

#include "gmock/gmock.h"
#include "service/service_fixture.h"

namespace accelerd {
namespace {

using testing::HasSubstr;
using SharedResult = std::shared_ptr<const TaskResult>;

/// A BMP file of one pixel.
std::string OnePixel(char blue, char green, char red) {
  std::string file("BM\x3A\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0\1\0\x18\0\0\0\0\0\4\0\0\0", 38);
  file.resize(54);
  return file + blue + green + red + '\0';
}

class EngineInferenceServiceTest : public ServiceTest {
 protected:
  using SharedImage = std::shared_ptr<const Image>;

  EngineInferenceServiceTest() : ServiceTest({.max_jobs = 4, .max_client_jobs = 3, .max_preparing = 1}) {}

  static ImageBytes InMemory(std::string file) {
    const auto owner = std::make_shared<const std::string>(std::move(file));
    return {owner, std::as_bytes(std::span(*owner))};
  }

  TaskCall Call(Task task, ImageSource image = InMemory(OnePixel(128, 64, 32)), TaskOptions options = {}) {
    return {.task = task, .model = "pixel", .image = std::move(image), .options = std::move(options)};
  }

  absl::StatusOr<TaskResult> Run(TaskCall call, CallContext context = {}) {
    Completion<SharedResult> completion;
    service_.RunTask(std::move(context), std::move(call), completion.done());
    const absl::StatusOr<SharedResult> result = completion.Wait();
    ACCELERD_RETURN_IF_ERROR(result.status());
    return **result;
  }

  void Decode(const std::string& client, Completion<SharedImage>& completion, CallContext context = {}) {
    context.client.group = client;
    service_.DecodeImage(std::move(context), InMemory(OnePixel(1, 2, 3)), completion.done());
  }

  ShareStats StatsOf(const std::string& client) {
    const SchedulerStats stats = scheduler_.stats();
    const auto found =
        std::ranges::find(stats.clients, client, [](const ClientStats& one) { return one.client.group; });
    return found == stats.clients.end() ? ShareStats() : found->stats;
  }

  /// Keeps the pool's one thread busy until it is released.
  void HoldPool() {
    pool_.Post(CpuPool::Priority::kFinish, [this] { gate_.acquire(); });
  }
  void ReleasePool() { gate_.release(); }

  std::binary_semaphore gate_{0};
  ImageLoader loader_{ConfinedPaths({folder_}, "--allow-path"),
                      {.limits = {.max_pixels = 4, .max_dimension = 4}, .max_file_bytes = 1000}};
  EngineInferenceService service_{{}, loader_, *manager_, scheduler_, pool_};
};

TEST_F(EngineInferenceServiceTest, AnImageBecomesTheModelsInputAndItsOutputTheResult) {
  ASSERT_TRUE(LoadPixel().ok());
  const absl::StatusOr<TaskResult> tensor = Run(Call(Task::kInference));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  // OpenVINO's own format is fed blue, green, red.
  EXPECT_THAT(std::get<Tensor>(*tensor).elements<float>(), testing::ElementsAre(128, 64, 32));
  const std::string file = Write("red.bmp", OnePixel(0, 0, 64));
  const absl::StatusOr<TaskResult> classes = Run(Call(Task::kClassify, ImagePath{file}));
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_EQ(std::get<Classes>(*classes).classes.front().index, 2);
  EXPECT_FLOAT_EQ(std::get<Classes>(*classes).classes.front().probability, 0.25F);
}

TEST_F(EngineInferenceServiceTest, RefusesWithoutTheDeviceWhatCannotBe) {
  EXPECT_EQ(Run(Call(Task::kClassify)).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(LoadPixel().ok());
  HoldPool();  // Nothing of this needs it.
  const absl::Status task = Run(Call(Task::kDetect)).status();
  EXPECT_EQ(task.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(task), HasSubstr("model \"pixel\""));
  const absl::Status output = Run(Call(Task::kClassify, ImageBytes(), {.output = "other"})).status();
  EXPECT_EQ(output.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(output), HasSubstr("other"));
  ReleasePool();
}

TEST_F(EngineInferenceServiceTest, MemoryForTheResultIsReservedBeforeTheInference) {
  ASSERT_TRUE(LoadPixel().ok());
  TaskCall call = Call(Task::kInference);
  std::size_t reserved = 0;
  call.reserve_result = [&](std::size_t bytes) {
    reserved = bytes;
    return absl::OkStatus();
  };
  ASSERT_TRUE(Run(std::move(call)).ok());
  EXPECT_EQ(reserved, 3 * sizeof(float));
  const auto runs = [this] { return scheduler_.stats().total.started; };
  const auto before = runs();
  call = Call(Task::kInference);
  call.reserve_result = [](std::size_t) { return absl::ResourceExhaustedError("no room"); };
  EXPECT_EQ(Message(Run(std::move(call)).status()), "no room");
  EXPECT_EQ(runs(), before);
}

TEST_F(EngineInferenceServiceTest, ImagesThatCannotBeDecodedAreTheCallersFault) {
  ASSERT_TRUE(LoadPixel().ok());
  EXPECT_EQ(Run(Call(Task::kClassify, InMemory("no image"))).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Run(Call(Task::kClassify, ImagePath{"/etc/passwd"})).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Run(Call(Task::kClassify, ImagePath{folder_ + "/none"})).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Run(Call(Task::kClassify)).ok());
}

TEST_F(EngineInferenceServiceTest, ModelsThatTakeNoImage) {
  device_->SetMakeModel([](const ModelSource&) { return std::make_unique<ThreadedModel>(1, 1, 0); });
  ASSERT_TRUE(LoadPixel().ok());
  const absl::Status status = Run(Call(Task::kInference)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("model \"pixel\""));
}

TEST_F(EngineInferenceServiceTest, ACallerThatLeavesIsAnsweredAtOnce) {
  ASSERT_TRUE(LoadPixel().ok());
  HoldPool();
  const auto cancellation = std::make_shared<Cancellation>();
  Completion<SharedResult> completion;
  service_.RunTask({.client = {.group = "test"}, .deadline = Time::max(), .cancellation = cancellation},
                   Call(Task::kClassify), completion.done());
  cancellation->Cancel();
  EXPECT_EQ(completion.Wait().status().code(), absl::StatusCode::kCancelled);
  ReleasePool();
}

TEST_F(EngineInferenceServiceTest, DecodesNothingForACallerThatLeft) {
  HoldPool();
  const auto cancellation = std::make_shared<Cancellation>();
  Completion<std::shared_ptr<const Image>> left;
  service_.DecodeImage({.client = {.group = "test"}, .deadline = Time::max(), .cancellation = cancellation},
                       InMemory(OnePixel(1, 2, 3)), left.done());
  cancellation->Cancel();
  ReleasePool();
  EXPECT_EQ(left.Wait().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(EngineInferenceServiceTest, ACallPastItsDeadlineIsRefused) {
  ASSERT_TRUE(LoadPixel().ok());
  CallContext context;
  context.deadline = Clock::Steady().Now();
  EXPECT_EQ(Run(Call(Task::kClassify), context).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(EngineInferenceServiceTest, DecodesWithoutADevice) {
  Completion<SharedImage> completion;
  Decode("a", completion);
  const absl::StatusOr<SharedImage> image = completion.Wait();
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_THAT((*image)->pixels, testing::ElementsAre(1, 2, 3));
  const SchedulerStats stats = scheduler_.stats();
  EXPECT_EQ(stats.total.decoded, 1);
  EXPECT_EQ(stats.total.completed, 0);
  EXPECT_EQ(stats.total.waiting, 0);
  EXPECT_GT(stats.total.processor_time, Duration(0));
  EXPECT_EQ(StatsOf("a").decoded, 1);
  EXPECT_THAT(stats.models, testing::IsEmpty());
}

TEST_F(EngineInferenceServiceTest, DecodesHaveTheBoundsOfTheQueue) {
  HoldPool();
  Completion<SharedImage> completions[7];
  for (int i = 0; i < 4; ++i) {
    Decode("greedy", completions[i]);
  }
  const absl::Status over_its_bound = completions[3].Wait().status();
  EXPECT_TRUE(IsClientLimit(over_its_bound)) << over_its_bound;
  EXPECT_EQ(Reason(over_its_bound), "client_queue_full");
  EXPECT_TRUE(RetryAfter(over_its_bound));
  Decode("modest", completions[4]);
  Decode("another", completions[5]);  // The queue is full: the client with most gives up its last.
  EXPECT_EQ(Reason(completions[2].Wait().status()), "client_queue_full");
  Decode("greedy", completions[6]);
  EXPECT_EQ(Reason(completions[6].Wait().status()), "client_queue_full");
  ReleasePool();
  for (const int i : {0, 1, 4, 5}) {
    EXPECT_TRUE(completions[i].Wait().ok()) << i;
  }
}

TEST_F(EngineInferenceServiceTest, NothingIsDecodedPastItsTime) {
  CallContext context;
  context.deadline = Clock::Steady().Now() - std::chrono::seconds(1);
  Completion<std::shared_ptr<const Image>> completion;
  service_.DecodeImage(context, InMemory(OnePixel(1, 2, 3)), completion.done());
  const absl::Status refused = completion.Wait().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Reason(refused), "too_late");
}

TEST_F(EngineInferenceServiceTest, RefusesWhenStopped) {
  ASSERT_TRUE(LoadPixel().ok());
  service_.Stop();
  const absl::Status status = Run(Call(Task::kClassify)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(status), HasSubstr("shutting down"));
  Completion<std::shared_ptr<const Image>> decode;
  service_.DecodeImage({}, InMemory(OnePixel(1, 2, 3)), decode.done());
  EXPECT_EQ(decode.Wait().status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace accelerd
