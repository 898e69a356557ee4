#ifndef ACCELERD_SERVICE_READY_MODEL_H_
#define ACCELERD_SERVICE_READY_MODEL_H_

#include <string_view>

#include "engine/model_manager.h"

namespace accelerd {

/// The model that serves as `name`. kNotFound: nobody loaded it; kUnavailable: it is still loading (with RetryAfter) or
/// failed, with the reason.
absl::StatusOr<ModelHandle> FindReadyModel(const ModelManager& manager, std::string_view name);

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_READY_MODEL_H_
