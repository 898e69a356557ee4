#ifndef ACCELERD_ENGINE_NEXT_ACTION_H_
#define ACCELERD_ENGINE_NEXT_ACTION_H_

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/engine_model.h"
#include "engine/file_stamp.h"
#include "engine/scheduler_core.h"
#include "engine/wanted_set.h"

namespace accelerd {

enum class PlacementState {
  kReady,      ///< The scheduler may start runs on it.
  kUnloading,  ///< Nothing more starts; runs may go on.
  kReleased,   ///< Nobody uses it: it can be destroyed.
};

/// What is on a device, as its thread sees it.
struct DeviceSnapshot {
  struct Placement {
    PlacementState state = PlacementState::kReady;
    bool referenced = true;  ///< The routing snapshot or a request holds the model.
  };

  DeviceState state = DeviceState::kOpening;
  std::optional<Time> open_after;  ///< An attempt to open it failed, or it was lost; not before this time again.
  std::optional<Time> probe_at;    ///< When it is asked next whether it is there.
  std::optional<Time> canary_at;   ///< When the canaries run next.
  bool closing = false;            ///< The service ends: everything leaves.
  std::map<ModelGeneration, Placement> placements;
};

/// What a device's thread does next.
struct OpenStep {};
struct CompileStep {
  std::string name;
  ModelGeneration generation{};
  ModelFiles files;
  bool alone = false;  ///< The last load lost the device: nothing else runs meanwhile that could be the cause.
  /// The model as it served before the device was lost: the same contents and settings are to serve again. Null when
  /// the files are loaded as they are now.
  ModelHandle restores = {};
  std::vector<FileStamp> stamps = {};  ///< Stamps of the files that `restores` was made of.
};
struct WithdrawStep {
  ModelGeneration generation{};  ///< From the scheduler.
};
struct DestroyStep {
  ModelGeneration generation{};
};
struct ProbeStep {};
struct CanaryStep {};  ///< Of every model that serves.
struct WaitStep {
  std::optional<Time> until;  ///< Unset: until something changes.
};
using Step = std::variant<OpenStep, CompileStep, WithdrawStep, DestroyStep, ProbeStep, CanaryStep, WaitStep>;

/// Decides how `device` comes closer to what is wanted. Pure. What is to leave leaves first, and a device is opened
/// only when nothing is left on it. Models are compiled most recently used first, then in the order in which they were
/// asked for. Replacements of models come after them, and last come those whose load lost the device. A model that is
/// held is not loaded. A kStuck device is left alone.
Step NextAction(const WantedSet& wanted, const DeviceSnapshot& snapshot, DeviceId device, Time now);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_NEXT_ACTION_H_
