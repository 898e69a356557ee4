#ifndef ACCELERD_ENGINE_LOAD_TABLE_H_
#define ACCELERD_ENGINE_LOAD_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/done.h"
#include "engine/device_status.h"
#include "engine/failed_load.h"
#include "engine/load_limits.h"
#include "engine/load_progress.h"
#include "engine/load_request.h"
#include "engine/next_action.h"
#include "engine/routing_table.h"
#include "engine/wanted_set.h"

namespace accelerd {

/// The models that are wanted, how far the load of each is, who waits for it, and what new calls can reach. The table
/// also holds the rules by which a model becomes UNAVAILABLE.
///
/// Pure: the time is a parameter, no file is looked at, nothing is logged. Thread-compatible, except for routing(). Its
/// owner holds a mutex for the calls, and completes what they return without the mutex, as callers may call back.
class LoadTable {
 public:
  /// What becomes of a call that asks for a model.
  struct Begun {
    bool starts = false;                      ///< The device has to load something.
    std::optional<absl::Status> answer = {};  ///< Unset: the call waits, or the other members say what to do.

    /// The generation that serves already. If its files have changed since (`stamps`), or are others (`other_files`),
    /// the caller goes on with Replace.
    std::optional<ModelGeneration> serving = {};
    std::vector<FileStamp> stamps = {};
    bool other_files = false;
  };

  /// What a model becomes that is UNAVAILABLE from now on, or whose replacement failed.
  struct Failed {
    std::string name;
    Waiters waiters;
    ModelHandle handle;
    bool was_replacement = false;  ///< The model that was to be replaced goes on.
  };

  /// What a model becomes that is READY from now on.
  struct Published {
    Waiters waiters;
    Duration time{};                       ///< Duration of the load.
    std::optional<LoadProgress> replaced;  ///< The generation in whose place it is.
  };

  /// A model that serves, or is held, and the files that it was loaded from or failed to be loaded from.
  struct Stamped {
    std::string name;
    ModelGeneration generation{};
    std::vector<FileStamp> stamps;
  };

  /// Lets go of a model whose last holder is gone, on any thread.
  using Release = std::function<void(const EngineModel*)>;

  explicit LoadTable(const LoadLimits& limits = {}) : limits_(limits) {}

  /// Takes `done` if the call waits.
  Begun Begin(const LoadRequest& request, Done<>& done);

  /// Loads the request's files beside the generation `serving`, and takes `done` if the call waits. When that
  /// generation does not serve any more, the result is empty, and the caller begins anew.
  Begun Replace(const LoadRequest& request, ModelGeneration serving, Done<>& done);

  /// Answers later calls with `reason`; returns the calls that wait.
  Waiters Refuse(const absl::Status& reason);

  /// Stops wanting the model and its replacement. Returns what they were; empty when there is no such model.
  std::vector<LoadProgress> Remove(const std::string& name);

  /// Stops wanting anything; returns what there was.
  std::map<ModelGeneration, LoadProgress> Clear();

  /// Returns what the device does next.
  Step NextStep(const DeviceSnapshot& snapshot, DeviceId device, Time now);

  /// Returns the handle under which a compiled model is to serve: the one that requests hold when the model comes back
  /// to a device that was lost. Null when the model is not wanted any more, or its contents are others than its
  /// requests were prepared for.
  ModelHandle Adopt(std::unique_ptr<EngineModel> model, Release release);

  /// Lets new calls reach the model, which is on the device. `stamps` are the files that it was loaded from; those of
  /// the first load stay when it only came back. Unset when the model is not wanted any more.
  std::optional<Published> Publish(const ModelHandle& handle, std::vector<FileStamp> stamps, Time now);

  /// The model left the device. Returns false when it is not wanted any more.
  bool Withdraw(ModelGeneration generation);

  /// Returns whether a load that failed makes its model UNAVAILABLE. A load that lost the device is tried again: the
  /// model is to blame after two crashes, hangs or kills in a row, or three losses of any kind in a row. A device that
  /// computes something else than before is the model's fault only while other models compute what they should. A
  /// client's model that never served is to blame for its first hang, as another try would stop all others for as long.
  bool BlamesLoad(const FailedLoad& failed);

  /// Returns whether a job that crashed or hung the device, alone on it, makes its model UNAVAILABLE: the second one
  /// does, within ten minutes. Devices that crash now and then by themselves do so under some model each time.
  bool BlamesJob(ModelGeneration generation, Time now);

  /// Sets the model aside until somebody asks for it again, or its files change (`stamps`; unset: the files that it was
  /// loaded from). A replacement is dropped instead, and the model that serves stays. A model whose replacement is
  /// under way is replaced by that at once.
  std::optional<Failed> MakeUnavailable(ModelGeneration generation, const std::string& reason,
                                        std::optional<std::vector<FileStamp>> stamps);

  /// Loads a model anew as another generation, for which its waiters wait. Returns false when it is not wanted any
  /// more.
  bool Renew(ModelGeneration generation);

  /// The device was away, and not because of a load, and is back: models that were set aside because the device left
  /// during their loads get another try. Returns their names.
  std::vector<std::string> DeviceReturned();

  /// The models that are UNAVAILABLE.
  std::vector<Stamped> Held() const;

  /// The models that serve, or come back to a device that was lost.
  std::vector<Stamped> Served() const;

  /// Takes the waiters whose deadline is not after `now`, by the name of the model.
  std::vector<std::pair<std::string, Waiters>> TakeExpired(Time now);
  std::optional<Time> first_deadline() const;

  bool Wants(ModelGeneration generation) const { return wanted_.Find(generation) != nullptr; }

  /// Every wanted model as a call would meet it, sorted by name.
  std::vector<ModelStatus> List(const DeviceStatus& device) const;

  /// Thread-safe.
  std::shared_ptr<const RoutingSnapshot> routing() const { return routing_.Get(); }

 private:
  Begun Start(const LoadRequest& request, Done<>& done);
  void Configure(const LoadRequest& request);
  const ModelFiles& FilesOf(const LoadRequest& request) const;
  absl::Status MakeRoom(const LoadRequest& request);
  absl::Status CheckBytes(const LoadRequest& request, std::uint64_t freed) const;
  bool ForgetFailed(const std::string* client);
  bool IsConfigured(const LoadRequest& request) const;

  const LoadLimits limits_;
  WantedSet wanted_;
  std::map<std::string, ModelFiles> configured_;   ///< By name, what the service's own configuration asks for.
  std::map<ModelGeneration, LoadProgress> loads_;  ///< One for each model and each replacement of wanted_.
  RoutingTable routing_;
  std::optional<absl::Status> refusal_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_LOAD_TABLE_H_
