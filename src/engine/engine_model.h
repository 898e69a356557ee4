#ifndef ACCELERD_ENGINE_ENGINE_MODEL_H_
#define ACCELERD_ENGINE_ENGINE_MODEL_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "backend/backend.h"
#include "engine/canary.h"
#include "engine/scheduler_core.h"
#include "model/model_card.h"
#include "model/model_info.h"

namespace accelerd {

/// What the service adds to a model before it becomes READY: its preprocessing and postprocessing. The engine only
/// keeps it.
struct ModelAttachment {
  virtual ~ModelAttachment() = default;
};

/// Makes the attachment; an error fails the load with its message. Called on the device's thread.
using AttachmentFactory = std::function<absl::StatusOr<std::shared_ptr<const ModelAttachment>>(
    const ModelInfo& info, const ModelCard& card, const ModelFiles& files)>;

/// A model that serves: immutable, shared by the routing snapshot and every accepted request. Where it is compiled is
/// the scheduler's business, so that a device may be lost and come back under the requests that wait. When the last
/// holder lets go, the model leaves its devices.
struct EngineModel {
  std::string name;
  ModelGeneration generation{};
  ModelFiles files;
  ModelCard card;
  ModelInfo info;
  std::shared_ptr<const ModelAttachment> attachment;
  std::shared_ptr<const CanaryOutputs> canary;  ///< What its canary computes; null: unknown.
  mutable std::atomic<Time> last_used{Time()};  ///< By a request.
};

using ModelHandle = std::shared_ptr<const EngineModel>;

/// The models that new calls can reach, by name. Immutable; replaced as a whole.
using RoutingSnapshot = std::map<std::string, ModelHandle, std::less<>>;

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_ENGINE_MODEL_H_
