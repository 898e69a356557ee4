#include "engine/wanted_set.h"

#include <algorithm>
#include <utility>

namespace accelerd {
namespace {

const WantedModel* FindIn(const WantedSet::Map& models, ModelGeneration generation) {
  const auto model = std::find_if(models.begin(), models.end(),
                                  [&](const auto& entry) { return entry.second.generation == generation; });
  return model == models.end() ? nullptr : &model->second;
}

void EraseFrom(WantedSet::Map& models, std::string_view name) {
  if (const auto model = models.find(name); model != models.end()) {
    models.erase(model);
  }
}

}  // namespace

WantedModel& WantedSet::Put(const std::string& name, const ModelFiles& files, bool pinned) {
  EraseReplacement(name);
  WantedModel& model = models_[name];
  model = {
      .name = name, .generation = static_cast<ModelGeneration>(++last_generation_), .files = files, .pinned = pinned};
  return model;
}

WantedModel& WantedSet::PutReplacement(const std::string& name, const ModelFiles& files) {
  WantedModel& model = replacements_[name];
  model = {.name = name,
           .generation = static_cast<ModelGeneration>(++last_generation_),
           .files = files,
           .pinned = models_.at(name).pinned};
  return model;
}

void WantedSet::Promote(std::string_view name) {
  const auto replacement = replacements_.find(name);
  models_[replacement->first] = std::move(replacement->second);
  replacements_.erase(replacement);
}

void WantedSet::EraseReplacement(std::string_view name) {
  EraseFrom(replacements_, name);
}

void WantedSet::Erase(std::string_view name) {
  EraseFrom(models_, name);
  EraseFrom(replacements_, name);
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

WantedModel* WantedSet::FindReplacement(std::string_view name) {
  const auto model = replacements_.find(name);
  return model == replacements_.end() ? nullptr : &model->second;
}

WantedModel* WantedSet::Find(ModelGeneration generation) {
  return const_cast<WantedModel*>(static_cast<const WantedSet*>(this)->Find(generation));
}

const WantedModel* WantedSet::Find(ModelGeneration generation) const {
  const WantedModel* const model = FindIn(models_, generation);
  return model != nullptr ? model : FindIn(replacements_, generation);
}

bool WantedSet::IsReplacement(ModelGeneration generation) const {
  return FindIn(replacements_, generation) != nullptr;
}

}  // namespace accelerd
