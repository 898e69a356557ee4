#ifndef ACCELERD_ENGINE_MODEL_NAMES_H_
#define ACCELERD_ENGINE_MODEL_NAMES_H_

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "engine/scheduler_core.h"

namespace accelerd {

/// What the models are called that requests may hold, for messages. Thread-safe.
class ModelNames {
 public:
  void Add(ModelGeneration model, std::string name) {
    const std::lock_guard lock(mutex_);
    names_[model] = std::move(name);
  }

  void Remove(ModelGeneration model) {
    const std::lock_guard lock(mutex_);
    names_.erase(model);
  }

  /// Empty when there is no such model.
  std::string Of(ModelGeneration model) const {
    const std::lock_guard lock(mutex_);
    const auto name = names_.find(model);
    return name == names_.end() ? "" : name->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<ModelGeneration, std::string> names_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_MODEL_NAMES_H_
