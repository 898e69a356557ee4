#ifndef ACCELERD_ENGINE_LOAD_TABLE_H_
#define ACCELERD_ENGINE_LOAD_TABLE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/done.h"
#include "engine/load_progress.h"
#include "engine/load_request.h"
#include "engine/next_action.h"
#include "engine/routing_table.h"
#include "engine/wanted_set.h"

namespace accelerd {

/// What a model was loaded from.
std::vector<std::string> FilesOfModel(const EngineModel& model);

/// The models that are wanted, how far the load of each is, whom it keeps waiting, and what new calls can reach; and
/// the rules by which a model is UNAVAILABLE.
///
/// Pure: the time is a parameter, nothing is logged. Thread-compatible, but for routing(). Its owner holds a mutex for
/// the calls and completes what they return without it, as callers may call back.
class LoadTable {
 public:
  /// What becomes of a call for a model.
  struct Begun {
    bool starts = false;                      ///< The device has to load it.
    std::optional<absl::Status> answer = {};  ///< Unset: the call waits.
    std::vector<FileStamp> stamps = {};       ///< Of a model that is READY: what it was loaded from.
  };

  /// What a model becomes that is UNAVAILABLE from now on.
  struct Failed {
    std::string name;
    Waiters waiters;
    ModelHandle handle;
  };

  /// What a model becomes that is READY from now on.
  struct Published {
    Waiters waiters;
    Duration time{};  ///< Of its load.
  };

  /// Lets go of a model whose last holder is gone, on any thread.
  using Release = std::function<void(const EngineModel*)>;

  /// `done` is taken if the call waits.
  Begun Begin(const LoadRequest& request, Done<>& done);

  /// Later calls are answered so; returns those that wait.
  Waiters Refuse(const absl::Status& reason);

  /// The model is not wanted any more; what it was.
  std::optional<LoadProgress> Remove(const std::string& name);

  /// Wants nothing any more; what there was.
  std::map<ModelGeneration, LoadProgress> Clear();

  /// What the device does next. A load that it is to begin counts as an attempt.
  Step NextStep(const DeviceSnapshot& snapshot, DeviceId device, Time now);

  /// The handle under which a compiled model is to serve: its own when it comes back to a device that was lost. Null
  /// when it is not wanted any more, or its contents are others than its requests were prepared for.
  ModelHandle Adopt(std::unique_ptr<EngineModel> model, Release release);

  /// The model is on the device, and new calls reach it. Unset when it is not wanted any more.
  std::optional<Published> Publish(const ModelHandle& handle, std::vector<FileStamp> stamps, Time now);

  /// The model left the device; false when it is not wanted any more.
  bool Withdraw(ModelGeneration generation);

  /// Whether a load that failed makes its model UNAVAILABLE. One that took the device down (`device_lost`) has another
  /// try; a device that left is nobody's fault.
  bool BlamesLoad(ModelGeneration generation, const absl::Status& reason, bool device_lost);

  /// Whether a job that crashed or hung the device, alone on it, makes its model UNAVAILABLE: the second one does,
  /// within ten minutes, for devices that crash now and then by themselves do so under some model each time.
  bool BlamesJob(ModelGeneration generation, Time now);

  /// The model is not served until somebody asks for it again, or its files (`stamps`) change. Who loaded it was told
  /// that it is there: only one that never served, and is not pinned, is forgotten.
  std::optional<Failed> MakeUnavailable(ModelGeneration generation, const std::string& reason,
                                        std::vector<FileStamp> stamps);

  /// Wants the same as a new generation, for which its waiters wait; what the old one was, if it was wanted.
  std::optional<LoadProgress> Renew(ModelGeneration generation);

  /// The models that are not loaded although they are wanted, and what they failed to load from.
  std::vector<std::pair<WantedModel, std::vector<FileStamp>>> Held() const;

  /// By the model's name, those whose deadline is not after `now`.
  std::vector<std::pair<std::string, Waiters>> TakeExpired(Time now);
  std::optional<Time> first_deadline() const;

  /// As far as they are known; none when the model is not wanted.
  std::vector<std::string> FilesOf(ModelGeneration generation) const;

  bool Wants(ModelGeneration generation) const { return wanted_.Find(generation) != nullptr; }

  /// Sorted by name.
  std::vector<ModelStatus> List() const;

  /// Whether no pinned model is still LOADING.
  bool Settled() const;

  /// Thread-safe.
  std::shared_ptr<const RoutingSnapshot> routing() const { return routing_.Get(); }

 private:
  LoadProgress& Restart(const std::string& name, const ModelFiles& files, bool pinned);

  WantedSet wanted_;
  std::map<ModelGeneration, LoadProgress> loads_;  ///< One for each of wanted_.
  RoutingTable routing_;
  std::optional<absl::Status> refusal_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_LOAD_TABLE_H_
