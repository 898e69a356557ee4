#ifndef ACCELERD_ENGINE_LOAD_LIMITS_H_
#define ACCELERD_ENGINE_LOAD_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace accelerd {

/// Bounds of the models that are loaded, being loaded, or listed as UNAVAILABLE. The models of the service's own
/// configuration count, but are never refused.
struct LoadLimits {
  std::size_t max_models = 256;                                   ///< Models in all. Default: 256.
  std::size_t max_client_models = 64;                             ///< Models that one client asked for. Default: 64.
  std::uint64_t max_total_model_bytes = std::uint64_t{8} << 30U;  ///< Files of all models. Default: 8 GiB.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_LOAD_LIMITS_H_
