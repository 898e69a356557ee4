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
#include "engine/load_limits.h"
#include "engine/load_request.h"
#include "engine/model_loader.h"
#include "engine/scheduler.h"
#include "model/model_status.h"

namespace accelerd {

struct ModelManagerOptions {
  ModelLoaderOptions loading;
  DeviceOptions device;
  LoadLimits limits = {};
};

/// Decides which models are on the device, and brings them there: the set of wanted models, one device with its thread,
/// and the routing snapshot. There is no other way that a model gets onto the device or off it. Thread-safe; no call
/// waits.
///
/// What a model serves is what was loaded last with success. A load of changed files happens beside the model that
/// serves, which is replaced when the new one is READY; and after a loss of the device the same contents serve again,
/// or none.
///
/// A model is UNAVAILABLE when it cannot be loaded, when its loads lose the device several times in a row (see
/// LoadTable::BlamesLoad), or when two different jobs of it crash the device alone within ten minutes. It stays listed,
/// does not take the others down, and is loaded again by a new load call, or when its files change.
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

  /// Completes when the model serves what its files hold now, on the device's thread or inside the call. Looks at the
  /// files' times and sizes inside the call.
  ///
  /// A name that is being loaded from the same files joins that load. A name that is loaded from the same files is done
  /// unless they, NAME.toml or the labels file have changed since: then they are loaded beside the model that serves. A
  /// name that is loaded from other files is kAlreadyExists, which names both, unless the request replaces. A failed
  /// load completes every waiting caller with kUnavailable and the reason. While the device is not there, loads wait
  /// for it: kUnavailable at the deadline. kResourceExhausted: a bound of LoadLimits is reached.
  void Load(LoadRequest request, Done<> done);

  /// Completes when no new call can reach the model, inside the call; accepted calls go on. Also OK when it was not
  /// loaded. A load in progress fails with kUnavailable, that of a replacement too.
  void Unload(const std::string& name, Done<> done);

  /// Completes loads in progress, and later ones, with `reason`.
  void RefuseLoads(const absl::Status& reason);

  /// The models that new calls can reach: also those whose device is being brought back.
  std::shared_ptr<const RoutingSnapshot> routing() const;

  /// Returns every wanted model as a call would meet it now, sorted by name: READY, LOADING or UNAVAILABLE, with the
  /// reason. While the device is away no model is READY.
  std::vector<ModelStatus> List() const;

  /// Never waits for the device.
  DeviceStatus device() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_MODEL_MANAGER_H_
