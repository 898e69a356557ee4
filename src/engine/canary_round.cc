#include "engine/canary_round.h"

#include <chrono>
#include <utility>

#include "engine/canary.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::chrono::seconds kDeadline{30};

void StartCanary(const ModelHandle& model, Scheduler& scheduler, const std::shared_ptr<BackendWatch>& watch, Time now) {
  absl::StatusOr<Tensors> inputs = MakeCanaryInputs(model->info.signature);
  if (!inputs.ok()) {
    return;
  }
  Job job;
  job.model = model;
  job.client.group = "canary";
  job.counts_as_use = false;
  job.deadline = now + kDeadline;
  job.inputs = *std::move(inputs);
  job.done = [model, watch](const absl::StatusOr<Tensors>& outputs) {
    if (!outputs.ok()) {
      return;
    }
    if (const absl::Status same = CompareCanary(*model->canary, SampleOutputs(*outputs)); !same.ok()) {
      watch->GiveUp(absl::UnavailableError(
          fmt::format("the device computes something else than before: model \"{}\", {}", model->name, Message(same))));
    }
  };
  scheduler.Submit(std::move(job));
}

}  // namespace

void StartCanaryRound(const RoutingSnapshot& models, Scheduler& scheduler, const std::shared_ptr<BackendWatch>& watch,
                      Time now) {
  for (const auto& [name, model] : models) {
    if (model->canary != nullptr) {
      StartCanary(model, scheduler, watch, now);
    }
  }
}

}  // namespace accelerd
