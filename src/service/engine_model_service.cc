#include "service/engine_model_service.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/memory_guard.h"
#include "fmt/core.h"
#include "model/model_files.h"
#include "service/ready_model.h"
#include "service/serving_plan.h"

namespace accelerd {
namespace {

constexpr std::uint64_t kAnySize = std::numeric_limits<std::uint64_t>::max();

/// A wait that its caller may end before its result is there.
class CancellableWait {
 public:
  explicit CancellableWait(Done<> done) : done_(std::move(done)) {}

  void End(absl::Status status) {
    Done<> done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(done_);
    }
    done(std::move(status));
  }

 private:
  std::mutex mutex_;
  Done<> done_;
};

/// A link in an allowed directory must not lead elsewhere. Whoever opens the files later sees to that; here it is said
/// at once.
absl::Status CheckFiles(const ModelFiles& files) {
  for (const std::filesystem::path file : {files.main, files.weights(), files.card}) {
    ACCELERD_ASSIGN_OR_RETURN(const InputFolder folder, InputFolder::Open(file.parent_path(), files.root));
    const absl::Status status = folder.OpenLinkedFile(file.filename(), kAnySize).status();
    if (!status.ok() && !absl::IsNotFound(status)) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

EngineModelService::EngineModelService(ConfinedPaths paths, ModelManager& manager, CpuPool& pool, Duration load_timeout)
    : paths_(std::move(paths)), manager_(manager), pool_(pool), load_timeout_(load_timeout) {}

absl::StatusOr<LoadRequest> EngineModelService::Resolve(const ModelSpec& spec) const {
  ACCELERD_RETURN_IF_ERROR(ValidateModelName(spec.name));
  ACCELERD_ASSIGN_OR_RETURN(const ConfinedDirectory directory, paths_.ResolveDirectory(spec.directory));
  ACCELERD_ASSIGN_OR_RETURN(const FoundModel found, FindModel(directory.path, spec.name, directory.root));
  for (const std::string& warning : found.warnings) {
    LogWarning("models", warning);
  }
  ACCELERD_RETURN_IF_ERROR(CheckFiles(found.files));
  return LoadRequest{.name = found.name, .files = found.files, .replace = spec.replace};
}

void EngineModelService::Load(CallContext context, ModelSpec spec, Done<> done) {
  if (stopped_) {
    done(absl::UnavailableError("the service is shutting down"));
    return;
  }
  auto wait = std::make_shared<CancellableWait>(std::move(done));
  if (context.cancellation != nullptr) {
    context.cancellation->OnCancel([wait] { wait->End(absl::CancelledError("the caller left")); });
  }
  const Time deadline = std::min(context.deadline, Clock::Steady().Now() + load_timeout_);
  pool_.Post(CpuPool::Priority::kFinish,
             [this, wait, deadline, spec = std::move(spec), client = std::move(context.client)] {
               absl::StatusOr<LoadRequest> request = GuardMemory([&] { return Resolve(spec); });
               if (!request.ok()) {
                 wait->End(request.status());
                 return;
               }
               request->deadline = deadline;
               request->client = client.group.empty() ? std::string() : client.key();
               manager_.Load(*std::move(request), [wait](absl::Status status) { wait->End(std::move(status)); });
             });
}

void EngineModelService::Unload(CallContext /*context*/, std::string model, Done<> done) {
  manager_.Unload(model, std::move(done));
}

std::vector<ModelStatus> EngineModelService::List() const {
  return manager_.List();
}

absl::StatusOr<ModelDescription> EngineModelService::Describe(std::string_view name) const {
  ACCELERD_ASSIGN_OR_RETURN(const ModelHandle model, FindReadyModel(manager_, name));
  ModelDescription description{.signature = model->info.signature, .image_shape = {}};
  if (const absl::StatusOr<ImageInputs>& image = ServingPlan::Of(*model).image_inputs(); image.ok()) {
    const ImageFormat& format = image->format;
    description.image_shape = {format.batch, format.channels, format.height, format.width};
  } else if (!model->info.signature.inputs.empty()) {
    description.image_shape = model->info.signature.inputs.front().shape;
  }
  return description;
}

}  // namespace accelerd
