// How many models there may be, and how large they may be together.

#include <algorithm>
#include <string>

#include "engine/load_table.h"
#include "fmt/core.h"

namespace accelerd {

/// Checks the bounds for one more model. Clients' models that failed make room.
absl::Status LoadTable::MakeRoom(const LoadRequest& request) {
  if (configured_.contains(request.name)) {
    return absl::OkStatus();
  }
  const auto asked_for =
      std::ranges::count_if(wanted_.models(), [&](const auto& entry) { return entry.second.client == request.client; });
  if (!request.client.empty() && static_cast<std::size_t>(asked_for) >= limits_.max_client_models &&
      !ForgetFailed(&request.client)) {
    return WithClientLimit(absl::ResourceExhaustedError(fmt::format(
        "the client has loaded {} models, all that --max-client-models allows; unload one of them", asked_for)));
  }
  if (wanted_.models().size() >= limits_.max_models && !ForgetFailed(nullptr)) {
    return absl::ResourceExhaustedError(
        fmt::format("{} models are loaded, all that --max-models allows; unload one", wanted_.models().size()));
  }
  return CheckBytes(request, 0);
}

/// Checks whether the files of a client's model fit beside those of the others, of which `freed` bytes will go.
absl::Status LoadTable::CheckBytes(const LoadRequest& request, std::uint64_t freed) const {
  if (IsConfigured(request)) {
    return absl::OkStatus();
  }
  std::uint64_t bytes = 0;
  for (const auto& [generation, load] : loads_) {
    bytes += load.state == ModelState::kUnavailable ? 0 : load.bytes;
  }
  bytes -= std::min(bytes, freed);
  if (request.bytes <= limits_.max_total_model_bytes - std::min(bytes, limits_.max_total_model_bytes)) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      fmt::format("the files of model \"{}\" have {} bytes, and those of the other models {}, but "
                  "--max-total-model-bytes allows {}; unload a model",
                  request.name, request.bytes, bytes, limits_.max_total_model_bytes));
}

/// Forgets the oldest UNAVAILABLE model that the configuration did not ask for: of `client`, or of anybody if null.
bool LoadTable::ForgetFailed(const std::string* client) {
  const WantedModel* oldest = nullptr;
  for (const auto& [name, model] : wanted_.models()) {
    if (model.held && !model.pinned && (client == nullptr || model.client == *client) &&
        (oldest == nullptr || model.generation < oldest->generation)) {
      oldest = &model;
    }
  }
  if (oldest == nullptr) {
    return false;
  }
  loads_.erase(oldest->generation);
  wanted_.Erase(std::string(oldest->name));
  return true;
}

}  // namespace accelerd
