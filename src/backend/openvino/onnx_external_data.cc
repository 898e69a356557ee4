#include "backend/openvino/onnx_external_data.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "backend/openvino/ir_scan.h"
#include "fmt/core.h"

namespace accelerd::openvino {
namespace {

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

constexpr std::uint64_t kVarint = 0;
constexpr std::uint64_t kLengthDelimited = 2;
constexpr unsigned kTypeBits = 3;

constexpr std::uint64_t kTensorExternalData = 13;
constexpr std::uint64_t kTensorDataLocation = 14;
constexpr std::int32_t kDataLocationExternal = 1;
constexpr std::uint64_t kEntryKey = 1;
constexpr std::uint64_t kEntryValue = 2;

/// The location that makes the runtime take the offset for an address in this process; it copies what lies there.
constexpr std::string_view kInMemory = "*/_ORT_MEM_ADDR_/*";

absl::Status NotOnnx(std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("it is not an ONNX model: {}", why));
}

/// One field as it stands on the wire.
struct WireField {
  std::uint64_t number = 0;
  std::optional<std::uint64_t> value;     ///< Of an integer.
  std::optional<std::string_view> bytes;  ///< Of a string or message.
  std::string_view whole;                 ///< With its key.
};

/// Reads the fields of one serialised message.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }

  absl::StatusOr<WireField> Next() {
    const std::string_view start = rest_;
    ACCELERD_ASSIGN_OR_RETURN(const std::uint64_t key, ReadVarint());
    WireField field;
    field.number = key >> kTypeBits;
    ACCELERD_RETURN_IF_ERROR(ReadContents(key & ((1U << kTypeBits) - 1), field));
    field.whole = start.substr(0, start.size() - rest_.size());
    return field;
  }

 private:
  absl::Status ReadContents(std::uint64_t type, WireField& field) {
    switch (type) {
      case kVarint: {
        ACCELERD_ASSIGN_OR_RETURN(field.value, ReadVarint());
        return absl::OkStatus();
      }
      case 1:
        return Take(sizeof(std::uint64_t)).status();
      case kLengthDelimited: {
        ACCELERD_ASSIGN_OR_RETURN(const std::uint64_t length, ReadVarint());
        ACCELERD_ASSIGN_OR_RETURN(field.bytes, Take(length));
        return absl::OkStatus();
      }
      case 5:
        return Take(sizeof(std::uint32_t)).status();
      default:
        return NotOnnx("a field has an unknown wire type");
    }
  }

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

std::string Varint(std::uint64_t value) {
  constexpr unsigned kContinues = 0x80;
  std::string bytes;
  for (; value >= kContinues; value >>= 7U) {
    bytes += static_cast<char>(static_cast<unsigned char>(value | kContinues));
  }
  return bytes + static_cast<char>(static_cast<unsigned char>(value));
}

void AppendNumber(std::uint64_t field, std::uint64_t value, std::string& message) {
  message += Varint(field << kTypeBits | kVarint) + Varint(value);
}

void AppendBytes(std::uint64_t field, std::string_view bytes, std::string& message) {
  message += Varint(field << kTypeBits | kLengthDelimited) + Varint(bytes.size());
  message += bytes;
}

void AppendEntry(std::string_view key, std::string_view value, std::string& tensor) {
  std::string entry;
  AppendBytes(kEntryKey, key, entry);
  AppendBytes(kEntryValue, value, entry);
  AppendBytes(kTensorExternalData, entry, tensor);
}

/// TensorProto.external_data.
struct Reference {
  std::string_view location;
  std::string_view offset = "0";
  std::string_view length = "0";  ///< 0: to the end of the file.
};

/// A StringStringEntryProto of it.
absl::Status ReadEntry(std::string_view bytes, Reference& reference) {
  std::string_view key;
  std::string_view value;
  for (WireReader reader(bytes); !reader.done();) {
    ACCELERD_ASSIGN_OR_RETURN(const WireField field, reader.Next());
    if (field.number == kEntryKey && field.bytes) {
      key = *field.bytes;
    } else if (field.number == kEntryValue && field.bytes) {
      value = *field.bytes;
    }
  }
  if (key == "location") {
    reference.location = value;
  } else if (key == "offset") {
    reference.offset = value;
  } else if (key == "length") {
    reference.length = value;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> NormalLocation(std::string_view location) {
  const std::filesystem::path path(location);
  if (location.empty() || location.find('\0') != std::string_view::npos || path.is_absolute() ||
      std::ranges::count(path, std::filesystem::path("..")) != 0) {
    return absl::InvalidArgumentError(
        "external data must lie in the model's folder or beneath it; a location is "
        "empty, absolute, or has \"..\"");
  }
  return path.lexically_normal().string();
}

absl::StatusOr<std::uint64_t> ParseSize(std::string_view text) {
  std::uint64_t size = 0;
  if (!absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &size)) {
    return absl::InvalidArgumentError("the offset or the length of external data is not a number");
  }
  return size;
}

/// Copies a model and leaves the rest of it as it is.
class Rewriter {
 public:
  explicit Rewriter(const ReadExternalData& read) : read_(read) {}

  /// Nothing when nothing is to be changed.
  absl::StatusOr<std::optional<std::string>> Rewrite(Kind kind, std::string_view bytes, int depth) {
    if (kind == Kind::kTensor) {
      return RewriteTensor(bytes);
    }
    constexpr int kMessagesOfAGraph = 3;  // Graph, node, attribute.
    if (depth > kMessagesOfAGraph * (kMaxNestedGraphs + 1)) {
      return absl::InvalidArgumentError(
          fmt::format("its graphs are nested deeper than the limit of {} levels", kMaxNestedGraphs));
    }
    std::optional<std::string> changed;
    for (WireReader reader(bytes); !reader.done();) {
      ACCELERD_ASSIGN_OR_RETURN(const WireField field, reader.Next());
      const auto* known = std::ranges::find_if(
          kFields, [&](const Field& candidate) { return candidate.of == kind && candidate.number == field.number; });
      std::optional<std::string> inner;
      if (known != kFields.end() && field.bytes) {
        ACCELERD_ASSIGN_OR_RETURN(inner, Rewrite(known->type, *field.bytes, depth + 1));
      }
      if (inner && !changed) {
        changed = std::string(bytes.substr(0, static_cast<std::size_t>(field.whole.data() - bytes.data())));
      }
      if (inner) {
        AppendBytes(field.number, *inner, *changed);
      } else if (changed) {
        *changed += field.whole;
      }
    }
    return changed;
  }

 private:
  absl::StatusOr<std::optional<std::string>> RewriteTensor(std::string_view bytes) {
    bool external = false;
    bool changed = false;
    Reference reference;
    std::string tensor;
    for (WireReader reader(bytes); !reader.done();) {
      ACCELERD_ASSIGN_OR_RETURN(const WireField field, reader.Next());
      if (field.number == kTensorDataLocation || field.number == kTensorExternalData) {
        changed = true;  // None of it is left for the runtime to understand in another way.
      }
      if (field.number == kTensorDataLocation && field.value) {
        external = static_cast<std::int32_t>(*field.value) == kDataLocationExternal;
      } else if (field.number == kTensorExternalData && field.bytes) {
        ACCELERD_RETURN_IF_ERROR(ReadEntry(*field.bytes, reference));
      }
    }
    if (!changed) {
      return std::nullopt;
    }
    for (WireReader reader(bytes); !reader.done();) {
      ACCELERD_ASSIGN_OR_RETURN(const WireField field, reader.Next());
      if (field.number != kTensorDataLocation && field.number != kTensorExternalData) {
        tensor += field.whole;
      }
    }
    if (external) {
      ACCELERD_RETURN_IF_ERROR(AppendReference(reference, tensor));
    }
    return tensor;
  }

  absl::Status AppendReference(const Reference& reference, std::string& tensor) {
    ACCELERD_ASSIGN_OR_RETURN(const std::string location, NormalLocation(reference.location));
    ACCELERD_ASSIGN_OR_RETURN(const std::uint64_t offset, ParseSize(reference.offset));
    ACCELERD_ASSIGN_OR_RETURN(const std::uint64_t length, ParseSize(reference.length));
    auto file = files_.find(location);
    if (file == files_.end()) {
      ACCELERD_ASSIGN_OR_RETURN(const std::span<const std::byte> read, read_(location));
      file = files_.emplace(location, read).first;
    }
    const std::span<const std::byte> contents = file->second;
    if (offset > contents.size() || length > contents.size() - offset) {
      return absl::InvalidArgumentError(
          fmt::format("{} has {} bytes, and a tensor refers to {} from {}", location, contents.size(), length, offset));
    }
    const std::span<const std::byte> data = contents.subspan(offset, length == 0 ? std::dynamic_extent : length);
    if (data.empty()) {
      return absl::OkStatus();  // A tensor without elements needs no data, and there is no address to give.
    }
    AppendEntry("location", kInMemory, tensor);
    AppendEntry("offset", fmt::format("{}", reinterpret_cast<std::uintptr_t>(data.data())), tensor);
    AppendEntry("length", fmt::format("{}", data.size()), tensor);
    AppendNumber(kTensorDataLocation, kDataLocationExternal, tensor);
    return absl::OkStatus();
  }

  const ReadExternalData& read_;
  std::map<std::string, std::span<const std::byte>> files_;
};

}  // namespace

absl::StatusOr<std::optional<std::string>> PlaceExternalData(std::string_view model, const ReadExternalData& read) {
  return Rewriter(read).Rewrite(Kind::kModel, model, 0);
}

}  // namespace accelerd::openvino
