#ifndef ACCELERD_BACKEND_ISOLATED_METADATA_JSON_H_
#define ACCELERD_BACKEND_ISOLATED_METADATA_JSON_H_

#include "model/model_metadata.h"
#include "nlohmann/json.hpp"

namespace accelerd {

/// The member `metadata` of the answer to `compile`, as docs/worker-protocol.md describes it.
nlohmann::json MetadataToJson(const ModelMetadata& metadata);

/// Reads what MetadataToJson writes and checks its bounds. kInvalidArgument names what is wrong. Throws
/// nlohmann::json::exception when a member has another type.
absl::StatusOr<ModelMetadata> MetadataFromJson(const nlohmann::json& body);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_METADATA_JSON_H_
