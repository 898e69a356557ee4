#ifndef ACCELERD_BACKEND_CONFORMANCE_H_
#define ACCELERD_BACKEND_CONFORMANCE_H_

/// \file
/// What every backend does, whatever drives the device. A backend's tests instantiate the suite:
///
///   INSTANTIATE_TEST_SUITE_P(Openvino, BackendConformance, testing::Values(ConformanceSubject{…}));

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "gtest/gtest.h"

namespace accelerd {

/// A backend, and models that it can run. The functions write a model into a folder, and return its files.
struct ConformanceSubject {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<Backend>>(Backend::OnLost)> create;
  std::function<ModelFiles(const std::string& directory, float addend)>
      write_add_model;                                                          ///< y = x + addend, f32 [1,4].
  std::function<ModelFiles(const std::string& directory)> write_dynamic_model;  ///< y = 2 x, f32 [?,3].
  /// The values of the output for `input`, of a backend that makes them up. Default: what the model computes.
  std::function<std::vector<float>(const ModelInfo& model, const Tensor& input)> made_up_values = nullptr;
};

/// Keeps failures readable.
void PrintTo(const ConformanceSubject& subject, std::ostream* stream);

/// Starts one run and returns where its result will be. With outputs for the sizes that the signature says.
std::future<absl::StatusOr<RunResult>> StartRun(CompiledModel& model, Tensors inputs);

/// Waits for a result, but not for ever.
absl::StatusOr<RunResult> Await(std::future<absl::StatusOr<RunResult>> future);

/// A tensor of the signature's output `index`; empty when its size varies.
Tensor OutputFor(const CompiledModel& model, std::size_t index);

/// An f32 tensor that holds `values`.
Tensor FloatTensor(const Shape& shape, const std::vector<float>& values);

std::vector<float> Floats(const Tensor& tensor);

class BackendConformance : public testing::TestWithParam<ConformanceSubject> {
 public:
  /// The right answer to an input [1,4] whose values are all `value`.
  using Answers = std::function<std::vector<float>(const Tensor& input, float value)>;

 protected:
  void SetUp() override;
  void TearDown() override;

  std::unique_ptr<CompiledModel> CompileAdd(float addend);

  /// What the backend answers to `input` where the model computes `values`.
  std::vector<float> Expected(const CompiledModel& model, const Tensor& input, const std::vector<float>& values) const;

  /// The answers of an add model.
  Answers AnswersOf(const CompiledModel& model, float addend) const;

  std::string directory_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_CONFORMANCE_H_
