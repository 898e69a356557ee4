#ifndef ACCELERD_ENGINE_WANTED_SET_H_
#define ACCELERD_ENGINE_WANTED_SET_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "engine/scheduler_core.h"
#include "model/model_files.h"

namespace accelerd {

/// A model that somebody wants on the device.
struct WantedModel {
  std::string name;
  ModelGeneration generation{};
  ModelFiles files;
  bool pinned = false;  ///< Stays wanted when its load fails.
  int attempts = 0;     ///< Loads since it was last READY that took the device down, or are under way.
  std::optional<Time> suspected_at = {};  ///< When a job of it crashed or hung the device, alone on it.
  bool held = false;                      ///< Its load failed, or it is set aside: it is not loaded.
  Time last_used{};                       ///< By a request; of a model that was READY.
};

/// The models that are wanted, by name. Load and unload change nothing else. Thread-compatible.
class WantedSet {
 public:
  using Map = std::map<std::string, WantedModel, std::less<>>;

  /// Adds a model, or replaces the one of this name, as a new generation.
  WantedModel& Put(const std::string& name, const ModelFiles& files, bool pinned);

  void Erase(std::string_view name);

  /// Of all models.
  void ForgetSuspicions();

  /// Null when there is none. Pointers stay valid until Put or Erase of that name.
  WantedModel* Find(std::string_view name);
  WantedModel* Find(ModelGeneration generation);
  const WantedModel* Find(ModelGeneration generation) const;

  /// Sorted by name.
  const Map& models() const { return models_; }

 private:
  Map models_;
  std::uint64_t last_generation_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_WANTED_SET_H_
