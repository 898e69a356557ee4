#include "engine/wanted_set.h"

#include <algorithm>

namespace accelerd {

WantedModel& WantedSet::Put(const std::string& name, const ModelFiles& files, bool pinned) {
  WantedModel& model = models_[name];
  model = {
      .name = name, .generation = static_cast<ModelGeneration>(++last_generation_), .files = files, .pinned = pinned};
  return model;
}

void WantedSet::Erase(std::string_view name) {
  if (const auto model = models_.find(name); model != models_.end()) {
    models_.erase(model);
  }
}

void WantedSet::ForgetSuspicions() {
  for (auto& [name, model] : models_) {
    model.suspected_at.reset();
  }
}

WantedModel* WantedSet::Find(std::string_view name) {
  const auto model = models_.find(name);
  return model == models_.end() ? nullptr : &model->second;
}

WantedModel* WantedSet::Find(ModelGeneration generation) {
  return const_cast<WantedModel*>(static_cast<const WantedSet*>(this)->Find(generation));
}

const WantedModel* WantedSet::Find(ModelGeneration generation) const {
  const auto model = std::find_if(models_.begin(), models_.end(),
                                  [&](const auto& entry) { return entry.second.generation == generation; });
  return model == models_.end() ? nullptr : &model->second;
}

}  // namespace accelerd
