#ifndef ACCELERD_BACKEND_OPENVINO_OPENVINO_BACKEND_H_
#define ACCELERD_BACKEND_OPENVINO_OPENVINO_BACKEND_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/backend_options.h"
#include "backend/openvino/compiled_cache.h"
#include "backend/openvino/model_reader.h"
#include "backend/openvino/openvino_model.h"
#include "base/cpu_pool.h"
#include "openvino/runtime/compiled_model.hpp"
#include "openvino/runtime/infer_request.hpp"

namespace accelerd::openvino {

/// Drives one device of the OpenVINO runtime, real or virtual ("AUTO:GPU,CPU", "BATCH:CPU(4)").
class OpenvinoBackend : public Backend {
 public:
  OpenvinoBackend(BackendOptions options, OnLost on_lost);

  /// Compiles and runs a tiny model: the one test that all devices can pass, virtual ones too.
  absl::Status Open() override;

  absl::StatusOr<std::unique_ptr<CompiledModel>> Compile(const ModelSource& source) override;

  /// Runs the tiny model again.
  absl::Status Probe() override;

  void Abandon() override;

 private:
  /// A compiled model, and the bytes that it was imported from, if it was.
  struct Compilation {
    ov::CompiledModel model;
    ov::Tensor imported;
  };

  absl::Status CheckUsable();
  absl::StatusOr<Compilation> CompileOrImport(const ReadModel& read, const ModelSource& source);
  std::optional<Compilation> Import(const std::string& content_hash, const std::string& key,
                                    const ov::AnyMap& properties) const;
  void Export(ov::CompiledModel& model, const std::string& content_hash, const std::string& key) const;
  void ReportLoss(const absl::Status& status);

  const BackendOptions options_;
  const OnLost on_lost_;
  std::optional<CompiledCache> cache_;
  CpuPool completions_{1};
  ov::CompiledModel tiny_model_;
  ov::InferRequest tiny_request_;

  std::mutex mutex_;
  bool usable_ = false;  ///< Opened, and neither lost nor abandoned since.
  std::vector<std::weak_ptr<RequestPool>> pools_;
};

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_OPENVINO_BACKEND_H_
