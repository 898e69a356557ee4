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
  ModelState state = ModelState::kLoading;
  std::string reason;  ///< Why it is UNAVAILABLE.
};

}  // namespace accelerd

#endif  // ACCELERD_MODEL_MODEL_STATUS_H_
