#include "backend/isolated/mapped_regions.h"

#include "base/parse_json.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using Access = Mapping::Access;

/// A part of a mapping, which it keeps.
class MappedBuffer : public Buffer {
 public:
  MappedBuffer(std::shared_ptr<const Mapping> mapping, std::size_t offset, std::size_t bytes)
      : Buffer(mapping->bytes().subspan(offset, bytes)), mapping_(std::move(mapping)) {}

 private:
  const std::shared_ptr<const Mapping> mapping_;
};

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("malformed message: {}", what));
}

}  // namespace

absl::Status MappedRegions::Add(std::string_view body, int descriptor) {
  try {
    ACCELERD_ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(body));
    const auto bytes = json.at("bytes").get<std::size_t>();
    const Access access = json.at("writable").get<bool>() ? Access::kWrite : Access::kRead;
    ACCELERD_RETURN_IF_ERROR(CheckSealed(descriptor, bytes, /*immutable=*/false));
    ACCELERD_ASSIGN_OR_RETURN(Mapping mapping, Mapping::Map(descriptor, bytes, access));
    mappings_[{json.at("region").get<std::uint64_t>(), access}] = std::make_shared<const Mapping>(std::move(mapping));
    return absl::OkStatus();
  } catch (const nlohmann::json::exception& error) {
    return Malformed(error.what());
  }
}

absl::Status MappedRegions::Forget(std::string_view body) {
  try {
    ACCELERD_ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(body));
    const auto region = json.at("region").get<std::uint64_t>();
    mappings_.erase({region, Access::kRead});
    mappings_.erase({region, Access::kWrite});
    return absl::OkStatus();
  } catch (const nlohmann::json::exception& error) {
    return Malformed(error.what());
  }
}

absl::StatusOr<Tensor> MappedRegions::Find(const TensorPlace& place, Access access) const {
  const auto found = mappings_.find({place.region, access});
  if (found == mappings_.end()) {
    return Malformed(fmt::format("region {} is not known", place.region));
  }
  const std::size_t size = found->second->bytes().size();
  if (place.bytes > size || place.offset > size - place.bytes) {
    return Malformed(fmt::format("a tensor lies outside region {}", place.region));
  }
  return Tensor(place.element_type, place.shape,
                std::make_shared<MappedBuffer>(found->second, place.offset, place.bytes));
}

}  // namespace accelerd
