#ifndef ACCELERD_BACKEND_ISOLATED_MAPPED_REGIONS_H_
#define ACCELERD_BACKEND_ISOLATED_MAPPED_REGIONS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "backend/isolated/messages.h"
#include "base/shared_memory.h"

namespace accelerd {

/// The daemon's shared memory, as the worker maps it: inputs cannot be written to. Not thread-safe; the tensors may be
/// used anywhere, and outlive it.
class MappedRegions {
 public:
  /// Carries out `region`. kInvalidArgument: it makes no sense.
  absl::Status Add(std::string_view body, int descriptor);

  /// Carries out `forget`.
  absl::Status Forget(std::string_view body);

  /// A tensor in this memory. kInvalidArgument: there is no such place.
  absl::StatusOr<Tensor> Find(const TensorPlace& place, Mapping::Access access) const;

 private:
  using Key = std::pair<std::uint64_t, Mapping::Access>;

  std::map<Key, std::shared_ptr<const Mapping>> mappings_;
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_MAPPED_REGIONS_H_
