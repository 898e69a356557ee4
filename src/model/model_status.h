#ifndef ACCELERD_MODEL_MODEL_STATUS_H_
#define ACCELERD_MODEL_MODEL_STATUS_H_

#include <string>
#include <string_view>

namespace accelerd {

/// The states that Triton's repository extension names.
enum class ModelState { kLoading, kReady, kUnloading, kUnavailable };

/// "LOADING", "READY", "UNLOADING", "UNAVAILABLE".
std::string_view ModelStateName(ModelState state);

/// A model as clients see it.
struct ModelStatus {
  std::string name;
  ModelState state = ModelState::kLoading;  ///< What a call would meet now.
  std::string reason;       ///< Why the model is UNAVAILABLE, or what its load waits for. Empty for a READY model.
  bool loaded = false;      ///< Calls are accepted, also while the device is being brought back.
  bool configured = false;  ///< The service's own configuration asks for the model.
};

}  // namespace accelerd

#endif  // ACCELERD_MODEL_MODEL_STATUS_H_
