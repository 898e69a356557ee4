#include "backend/openvino/onnx_external_data.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>

#include "fmt/core.h"

namespace accelerd::openvino {
namespace {

constexpr int kMaxDepth = 100;  // Protobuf's own default.

/// The messages of onnx.proto3 through which a tensor can be reached.
enum class Kind { kModel, kGraph, kFunction, kNode, kAttribute, kSparseTensor, kTensor };

struct Field {
  Kind of;
  std::uint64_t number;
  Kind type;
};

constexpr std::array<Field, 16> kFields = {{{Kind::kModel, 7, Kind::kGraph},
                                            {Kind::kModel, 25, Kind::kFunction},
                                            {Kind::kGraph, 1, Kind::kNode},
                                            {Kind::kGraph, 5, Kind::kTensor},
                                            {Kind::kGraph, 15, Kind::kSparseTensor},
                                            {Kind::kFunction, 7, Kind::kNode},
                                            {Kind::kFunction, 11, Kind::kAttribute},
                                            {Kind::kNode, 5, Kind::kAttribute},
                                            {Kind::kAttribute, 5, Kind::kTensor},
                                            {Kind::kAttribute, 6, Kind::kGraph},
                                            {Kind::kAttribute, 10, Kind::kTensor},
                                            {Kind::kAttribute, 11, Kind::kGraph},
                                            {Kind::kAttribute, 22, Kind::kSparseTensor},
                                            {Kind::kAttribute, 23, Kind::kSparseTensor},
                                            {Kind::kSparseTensor, 1, Kind::kTensor},
                                            {Kind::kSparseTensor, 2, Kind::kTensor}}};

constexpr std::uint64_t kTensorExternalData = 13;
constexpr std::uint64_t kTensorDataLocation = 14;
constexpr std::uint64_t kDataLocationExternal = 1;
constexpr std::uint64_t kEntryKey = 1;
constexpr std::uint64_t kEntryValue = 2;

absl::Status NotOnnx(std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("it is not an ONNX model: {}", why));
}

/// One field as it stands on the wire.
struct WireField {
  std::uint64_t number = 0;
  std::uint64_t value = 0;                ///< Of an integer.
  std::optional<std::string_view> bytes;  ///< Of a string or message.
};

/// Reads the fields of one serialised message.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }

  absl::StatusOr<WireField> Next() {
    ACCELERD_ASSIGN_OR_RETURN(const std::uint64_t key, ReadVarint());
    WireField field;
    field.number = key >> 3U;
    constexpr std::uint64_t kTypeMask = 7;
    switch (key & kTypeMask) {
      case 0: {
        ACCELERD_ASSIGN_OR_RETURN(field.value, ReadVarint());
        return field;
      }
      case 1:
        ACCELERD_RETURN_IF_ERROR(Take(sizeof(std::uint64_t)).status());
        return field;
      case 2: {
        ACCELERD_ASSIGN_OR_RETURN(const std::uint64_t length, ReadVarint());
        ACCELERD_ASSIGN_OR_RETURN(field.bytes, Take(length));
        return field;
      }
      case 5:
        ACCELERD_RETURN_IF_ERROR(Take(sizeof(std::uint32_t)).status());
        return field;
      default:
        return NotOnnx("a field has an unknown wire type");
    }
  }

 private:
  absl::StatusOr<std::string_view> Take(std::uint64_t length) {
    if (length > rest_.size()) {
      return NotOnnx("it ends in the middle of a field");
    }
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }

  absl::StatusOr<std::uint64_t> ReadVarint() {
    constexpr unsigned kBits = 7;
    constexpr unsigned kContinues = 0x80;
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += kBits) {
      ACCELERD_ASSIGN_OR_RETURN(const std::string_view taken, Take(1));
      const auto byte = static_cast<unsigned char>(taken.front());
      value |= static_cast<std::uint64_t>(byte & (kContinues - 1)) << shift;
      if ((byte & kContinues) == 0) {
        return value;
      }
    }
    return NotOnnx("a number has more than 10 bytes");
  }

  std::string_view rest_;
};

absl::Status AddLocation(std::string_view location, std::set<std::string>& locations) {
  const std::filesystem::path path(location);
  if (location.empty() || location.find('\0') != std::string_view::npos || path.is_absolute() ||
      std::ranges::count(path, std::filesystem::path("..")) != 0) {
    return absl::InvalidArgumentError(
        "external data must lie in the model's folder or beneath it; a location is "
        "empty, absolute, or has \"..\"");
  }
  locations.insert(path.lexically_normal());
  return absl::OkStatus();
}

/// A StringStringEntryProto of TensorProto.external_data.
absl::Status WalkEntry(std::string_view bytes, std::optional<std::string_view>& location) {
  std::string_view key;
  std::string_view value;
  for (WireReader reader(bytes); !reader.done();) {
    ACCELERD_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    if (field.number == kEntryKey) {
      key = field.bytes.value_or("");
    } else if (field.number == kEntryValue) {
      value = field.bytes.value_or("");
    }
  }
  if (key == "location") {
    location = value;
  }
  return absl::OkStatus();
}

absl::Status WalkTensor(std::string_view bytes, std::set<std::string>& locations) {
  bool external = false;
  std::optional<std::string_view> location;
  for (WireReader reader(bytes); !reader.done();) {
    ACCELERD_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    if (field.number == kTensorDataLocation) {
      external = field.value == kDataLocationExternal;
    } else if (field.number == kTensorExternalData && field.bytes) {
      ACCELERD_RETURN_IF_ERROR(WalkEntry(*field.bytes, location));
    }
  }
  return external ? AddLocation(location.value_or(""), locations) : absl::OkStatus();
}

absl::Status Walk(Kind kind, std::string_view bytes, int depth, std::set<std::string>& locations) {
  if (kind == Kind::kTensor) {
    return WalkTensor(bytes, locations);
  }
  if (depth >= kMaxDepth) {
    return NotOnnx("its graphs are nested too deeply");
  }
  for (WireReader reader(bytes); !reader.done();) {
    ACCELERD_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    const auto* known = std::ranges::find_if(
        kFields, [&](const Field& candidate) { return candidate.of == kind && candidate.number == field.number; });
    if (known != kFields.end() && field.bytes) {
      ACCELERD_RETURN_IF_ERROR(Walk(known->type, *field.bytes, depth + 1, locations));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> OnnxExternalData(std::string_view model) {
  std::set<std::string> locations;
  ACCELERD_RETURN_IF_ERROR(Walk(Kind::kModel, model, 0, locations));
  return std::vector<std::string>(locations.begin(), locations.end());
}

}  // namespace accelerd::openvino
