#ifndef ACCELERD_SERVICE_READY_MODEL_H_
#define ACCELERD_SERVICE_READY_MODEL_H_

#include <string_view>

#include "engine/model_manager.h"

namespace accelerd {

/// Returns the model that serves as `name`, also while its device is being brought back. kNotFound: nobody loaded it.
/// kUnavailable: it is still loading (with RetryAfter), the device that it is to be loaded on is absent or lost (with
/// RetryAfter), or its load failed, with the reason.
absl::StatusOr<ModelHandle> FindReadyModel(const ModelManager& manager, std::string_view name);

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_READY_MODEL_H_
