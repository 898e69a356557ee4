#ifndef ACCELERD_ENGINE_MODEL_MANAGER_H_
#define ACCELERD_ENGINE_MODEL_MANAGER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/done.h"
#include "engine/device.h"
#include "engine/device_status.h"
#include "engine/engine_model.h"
#include "engine/load_request.h"
#include "engine/model_loader.h"
#include "engine/scheduler.h"
#include "model/model_status.h"

namespace accelerd {

struct ModelManagerOptions {
  ModelLoaderOptions loading;
  DeviceOptions device;
};

/// Decides which models are on the device, and brings them there: the set of wanted models, one device with its thread,
/// and the routing snapshot. There is no other way that a model gets onto the device or off it. Thread-safe; no call
/// waits.
///
/// A model is UNAVAILABLE, and does not take the others down, when its load takes the device down twice in a row, or
/// two different jobs of it do so alone within ten minutes. That ends with a new load call, or when its files change.
class ModelManager {
 public:
  /// Creates and opens the backend on the device's own thread; loads wait for it. `scheduler` outlives the manager.
  ModelManager(ModelManagerOptions options, BackendFactory backend, Scheduler& scheduler,
               const Clock& clock = Clock::Steady());

  /// Fails the loads in progress, drops every model and joins the device's thread; waits for a compile and for runs in
  /// flight. REQUIRES: no other call is in progress.
  ~ModelManager();
  ModelManager(const ModelManager&) = delete;
  ModelManager& operator=(const ModelManager&) = delete;

  /// Completes when the model is READY, on the device's thread or inside the call. A name that is loaded or loading
  /// from the same files joins that load; from other files: kAlreadyExists, naming both. A failed load completes every
  /// waiting caller with kUnavailable and the reason; the entry is withdrawn unless pinned, and the next call tries
  /// anew. A loaded model whose files changed meanwhile stays as it is; the log says so. While the device is not there,
  /// loads wait for it: kUnavailable at the deadline.
  void Load(const LoadRequest& request, Done<> done);

  /// Completes when no new call can reach the model, inside the call; accepted calls go on. Also OK when it was not
  /// loaded. A load in progress fails with kUnavailable.
  void Unload(const std::string& name, Done<> done);

  /// Completes loads in progress, and later ones, with `reason`.
  void RefuseLoads(const absl::Status& reason);

  /// The models that new calls can reach: also those whose device is being brought back.
  std::shared_ptr<const RoutingSnapshot> routing() const;

  /// Every wanted model, sorted by name: LOADING, READY, or UNAVAILABLE with the reason.
  std::vector<ModelStatus> List() const;

  /// Whether no pinned model is still LOADING: what readiness waits for at the start.
  bool Settled() const;

  /// Never waits for the device.
  DeviceStatus device() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_MODEL_MANAGER_H_
