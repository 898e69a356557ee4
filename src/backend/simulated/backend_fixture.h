#ifndef ACCELERD_BACKEND_SIMULATED_BACKEND_FIXTURE_H_
#define ACCELERD_BACKEND_SIMULATED_BACKEND_FIXTURE_H_

/// \file
/// For tests of the simulated backend.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "backend/simulated/output_function.h"
#include "backend/simulated/simulated_backend.h"
#include "backend/simulated/stick_fixture.h"
#include "gtest/gtest.h"

namespace accelerd {

inline const std::string kTestHash = std::string(64, 'a');

/// Of every model: x, u8 [1,8], to y, f32 [1,4], and z, i64 [?,?].
inline absl::StatusOr<ModelInfo> ReadTestModel(const ModelFiles& files) {
  if (files.main.empty()) {
    return absl::NotFoundError("there is no such model");
  }
  ModelInfo info;
  info.signature.inputs = {{"x", ElementType::kU8, {1, 8}, ""}};
  info.signature.outputs = {{"y", ElementType::kF32, {1, 4}, ""}, {"z", ElementType::kI64, {-1, -1}, ""}};
  info.outputs.resize(2);
  info.content_hash = kTestHash;
  info.files = {files.main};
  return info;
}

using Answer = std::future<absl::StatusOr<RunResult>>;

class SimulatedBackendTest : public StickTest {
 protected:
  std::unique_ptr<Backend> Create() {
    return CreateSimulatedBackend(path_, ReadTestModel, [this](const absl::Status& status) {
      EXPECT_TRUE(absl::IsUnavailable(status));
      ++losses_;
    });
  }

  std::unique_ptr<Backend> CreateOpen() {
    std::unique_ptr<Backend> backend = Create();
    const absl::Status opened = backend->Open();
    EXPECT_TRUE(opened.ok()) << opened;
    return backend;
  }

  static absl::StatusOr<std::unique_ptr<CompiledModel>> Compile(Backend& backend, const std::string& name = "model") {
    return backend.Compile({name, {"/models/" + name + ".xml", ModelFormat::kOpenvinoIr, ""}, {}});
  }

  static Tensor Input(std::uint8_t value) {
    Tensor input = *Tensor::Allocate(ElementType::kU8, {1, 8});
    std::ranges::fill(input.elements<std::uint8_t>(), value);
    return input;
  }

  static Answer Start(CompiledModel& model, std::uint8_t value) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<RunResult>>>();
    model.Start(RunId{1}, {Input(value)}, {*Tensor::Allocate(ElementType::kF32, {1, 4}), Tensor()},
                [promise](absl::StatusOr<RunResult> result) { promise->set_value(std::move(result)); });
    return promise->get_future();
  }

  static absl::StatusOr<RunResult> Await(Answer answer) {
    if (answer.wait_for(kForEver) != std::future_status::ready) {
      return absl::DeadlineExceededError("the run never completed");
    }
    return answer.get();
  }

  static absl::StatusOr<RunResult> Run(CompiledModel& model, std::uint8_t value) { return Await(Start(model, value)); }

  /// Whether the result is what the stick should answer to Input(value).
  static bool IsRight(const absl::StatusOr<RunResult>& result, std::uint8_t value) {
    if (!result.ok()) {
      ADD_FAILURE() << result.status();
      return false;
    }
    const Tensor expected = *Tensor::Allocate(ElementType::kF32, {1, 4});
    FillOutput(InputSeed(kTestHash, {Input(value)}), 0, expected);
    return std::ranges::equal(result->outputs.at(0).elements<float>(), expected.elements<float>());
  }

  /// Waits until `condition` holds; what makes it hold has no callback.
  template <typename Condition>
  static void WaitFor(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kForEver;
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  std::atomic<int> losses_{0};
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_BACKEND_FIXTURE_H_
