#ifndef ACCELERD_ENGINE_WANTED_SET_H_
#define ACCELERD_ENGINE_WANTED_SET_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/scheduler_core.h"
#include "model/model_files.h"

namespace accelerd {

/// A model that somebody wants on the device.
struct WantedModel {
  std::string name;
  ModelGeneration generation{};
  ModelFiles files;
  bool pinned = false;      ///< The service's own configuration names the model.
  std::string client = {};  ///< Account of the client that asked for the model. Empty: the configuration did.
  int lost_loads = 0;       ///< Loads in a row during which the device was lost, since the model was READY.
  int blamed_loads = 0;     ///< Those of lost_loads that the model may be the cause of.
  int crashed_loads = 0;    ///< Those of lost_loads in which the device crashed, hung, or its process was killed.
  std::optional<Time> suspected_at = {};  ///< When a job of the model crashed or hung the device, alone on it.
  bool held = false;                      ///< The model is UNAVAILABLE and is not loaded.
  Time last_used{};                       ///< When a request last used the model while it was READY.
};

/// The models that are wanted, by name. Load and unload change nothing else. Thread-compatible.
///
/// A model that serves can have a replacement: a second generation of the same name, which is loaded beside it.
class WantedSet {
 public:
  using Map = std::map<std::string, WantedModel, std::less<>>;

  /// Adds a model as a new generation. A model of this name, and its replacement, are dropped.
  WantedModel& Put(const std::string& name, const ModelFiles& files, bool pinned);

  /// Adds a replacement for the model of this name, as a new generation. REQUIRES: the model exists.
  WantedModel& PutReplacement(const std::string& name, const ModelFiles& files);

  /// Makes the replacement the model of this name. REQUIRES: the replacement exists.
  void Promote(std::string_view name);

  void EraseReplacement(std::string_view name);

  /// Drops the model and its replacement.
  void Erase(std::string_view name);

  /// Forgets the suspicions against all models.
  void ForgetSuspicions();

  /// Returns null when there is none. Pointers stay valid until the entry is replaced, promoted or erased.
  WantedModel* Find(std::string_view name);
  WantedModel* FindReplacement(std::string_view name);

  /// Finds a model or a replacement; null when there is none.
  WantedModel* Find(ModelGeneration generation);
  const WantedModel* Find(ModelGeneration generation) const;

  bool IsReplacement(ModelGeneration generation) const;

  /// Sorted by name.
  const Map& models() const { return models_; }
  const Map& replacements() const { return replacements_; }

 private:
  Map models_;
  Map replacements_;
  std::uint64_t last_generation_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_WANTED_SET_H_
