#include "backend/simulated/simulated_backend.h"

#include <cstdint>
#include <utility>

#include "backend/simulated/stick_session.h"

namespace accelerd {
namespace {

class SimulatedModel final : public CompiledModel {
 public:
  /// `memory_used` is the stick's account, which `memory` bytes are taken from until the model goes.
  SimulatedModel(StickSession& stick, SimulatedModelInfo model, std::uint64_t memory, std::uint64_t& memory_used)
      : stick_(stick),
        model_(std::make_shared<const SimulatedModelInfo>(std::move(model))),
        memory_(memory),
        memory_used_(memory_used) {
    memory_used_ += memory_;
  }
  ~SimulatedModel() override { memory_used_ -= memory_; }

  const ModelInfo& info() const override { return model_->info; }

  void Start(RunId /*run*/, Tensors inputs, Tensors outputs, Done<RunResult> done) override {
    stick_.Run({model_, std::move(inputs), std::move(outputs), std::move(done)});
  }

 private:
  StickSession& stick_;
  const std::shared_ptr<const SimulatedModelInfo> model_;
  const std::uint64_t memory_;
  std::uint64_t& memory_used_;
};

class SimulatedBackend final : public Backend {
 public:
  SimulatedBackend(const std::string& path, ModelReader read_model, OnLost on_lost)
      : read_model_(std::move(read_model)), stick_(path, std::move(on_lost)) {}

  absl::Status Open() override { return stick_.Open(); }

  absl::StatusOr<std::unique_ptr<CompiledModel>> Compile(const ModelSource& source) override {
    ACCELERD_ASSIGN_OR_RETURN(ModelInfo info, read_model_(source.files));
    ACCELERD_ASSIGN_OR_RETURN(const std::uint64_t memory, stick_.Load(source.name, memory_used_));
    info.slots = source.settings.slots > 0 ? source.settings.slots : stick_.slots();
    info.from_cache = false;
    info.runtime = "simulated device 1";
    return std::make_unique<SimulatedModel>(stick_, SimulatedModelInfo{source.name, std::move(info)}, memory,
                                            memory_used_);
  }

  absl::Status Probe() override { return stick_.Probe(); }

  void Abandon() override { stick_.Abandon(); }

 private:
  const ModelReader read_model_;
  std::uint64_t memory_used_ = 0;
  StickSession stick_;
};

}  // namespace

std::unique_ptr<Backend> CreateSimulatedBackend(const std::string& path, ModelReader read_model,
                                                Backend::OnLost on_lost) {
  return std::make_unique<SimulatedBackend>(path, std::move(read_model), std::move(on_lost));
}

}  // namespace accelerd
