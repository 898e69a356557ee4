#include "backend/isolated/messages.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/parse_json.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

constexpr std::size_t kMaxTensors = 1024;  // Inputs, or outputs.
constexpr std::size_t kMaxRank = 32;
constexpr std::size_t kMaxTextBytes = 4096;  // Of an error: a driver may say anything.
constexpr std::size_t kAlignment = 64;       // Of tensors in a body.

/// The parts of fixed size, as they are sent.
struct TensorRecord {
  std::uint64_t region;
  std::uint64_t offset;
  std::uint64_t bytes;
  std::uint32_t element_type;
  std::uint32_t rank;
};
static_assert(sizeof(TensorRecord) == 32);

struct StartRecord {
  std::uint32_t model;
  std::uint16_t inputs;
  std::uint16_t outputs;
};
static_assert(sizeof(StartRecord) == 8);

struct DoneRecord {
  std::int64_t nanoseconds;
  std::uint32_t code;
  std::uint32_t text_bytes;
  std::uint64_t tensors;
  std::uint64_t checksum;
};
static_assert(sizeof(DoneRecord) == 32);

template <typename T>
  requires std::is_trivially_copyable_v<T>
void Append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

/// Takes a body apart from its start.
class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}

  template <typename T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> Take() {
    if (rest_.size() < sizeof(T)) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return value;
  }

  std::optional<std::string_view> TakeText(std::size_t bytes) {
    if (rest_.size() < bytes) {
      return std::nullopt;
    }
    const std::string_view text = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return text;
  }

  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("malformed message: {}", what));
}

void AppendTensor(std::string& out, const TensorPlace& tensor) {
  Append(out, TensorRecord{tensor.region, tensor.offset, tensor.bytes, static_cast<std::uint32_t>(tensor.element_type),
                           static_cast<std::uint32_t>(tensor.shape.size())});
  for (const std::int64_t size : tensor.shape) {
    Append(out, size);
  }
}

absl::StatusOr<TensorPlace> TakeTensor(Reader& reader) {
  const std::optional<TensorRecord> record = reader.Take<TensorRecord>();
  if (!record || record->element_type > static_cast<std::uint32_t>(ElementType::kF64) || record->rank > kMaxRank) {
    return Malformed("a tensor's type or rank");
  }
  TensorPlace tensor{static_cast<ElementType>(record->element_type), {}, record->region, record->offset, record->bytes};
  for (std::uint32_t i = 0; i < record->rank; ++i) {
    const std::optional<std::int64_t> size = reader.Take<std::int64_t>();
    if (!size) {
      return Malformed("a tensor's shape");
    }
    tensor.shape.push_back(*size);
  }
  return tensor;
}

/// Of a tensor that has bytes somewhere.
absl::Status CheckPlace(const TensorPlace& tensor) {
  ACCELERD_ASSIGN_OR_RETURN(const std::size_t bytes, ByteSize(tensor.element_type, tensor.shape));
  if (bytes != tensor.bytes || tensor.offset > std::numeric_limits<std::uint64_t>::max() - tensor.bytes) {
    return Malformed("a tensor's size is not that of its shape");
  }
  return absl::OkStatus();
}

absl::Status TakeTensors(Reader& reader, std::size_t count, std::vector<TensorPlace>& tensors) {
  if (count > kMaxTensors) {
    return Malformed("too many tensors");
  }
  for (std::size_t i = 0; i < count; ++i) {
    ACCELERD_ASSIGN_OR_RETURN(TensorPlace tensor, TakeTensor(reader));
    if (tensor.region != 0) {
      ACCELERD_RETURN_IF_ERROR(CheckPlace(tensor));
    }
    tensors.push_back(std::move(tensor));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> CopyOut(std::string_view body, const TensorPlace& place) {
  ACCELERD_RETURN_IF_ERROR(CheckPlace(place));
  if (place.region != 0 || place.offset + place.bytes > body.size()) {
    return Malformed("a tensor lies outside the message");
  }
  ACCELERD_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(place.element_type, place.shape));
  std::ranges::copy(std::as_bytes(std::span(body)).subspan(place.offset, place.bytes), tensor.bytes().begin());
  return tensor;
}

absl::Status MakeError(std::uint64_t code, std::string_view text) {
  if (code == 0 || code > static_cast<std::uint64_t>(absl::StatusCode::kUnauthenticated)) {
    return Malformed(fmt::format("{} is not the code of an error", code));
  }
  return {static_cast<absl::StatusCode>(code), absl::string_view(text.data(), text.size())};
}

std::string_view TextOf(const absl::Status& status) {
  return Message(status).substr(0, kMaxTextBytes);
}

}  // namespace

std::string EncodeStart(const StartMessage& message) {
  std::string body;
  body.reserve(sizeof(StartRecord) + 96 * (message.inputs.size() + message.outputs.size()));
  Append(body, StartRecord{message.model, static_cast<std::uint16_t>(message.inputs.size()),
                           static_cast<std::uint16_t>(message.outputs.size())});
  for (const std::vector<TensorPlace>* tensors : {&message.inputs, &message.outputs}) {
    for (const TensorPlace& tensor : *tensors) {
      AppendTensor(body, tensor);
    }
  }
  return body;
}

absl::StatusOr<StartMessage> DecodeStart(std::string_view body) {
  Reader reader(body);
  const std::optional<StartRecord> record = reader.Take<StartRecord>();
  if (!record) {
    return Malformed("start is too short");
  }
  StartMessage message;
  message.model = record->model;
  ACCELERD_RETURN_IF_ERROR(TakeTensors(reader, record->inputs, message.inputs));
  ACCELERD_RETURN_IF_ERROR(TakeTensors(reader, record->outputs, message.outputs));
  return reader.empty() ? absl::StatusOr<StartMessage>(std::move(message)) : Malformed("start is too long");
}

std::string EncodeDone(const DoneMessage& message) {
  const std::string_view text = TextOf(message.status);
  std::size_t end = sizeof(DoneRecord) + text.size();
  for (const Tensor& tensor : message.made) {
    end += sizeof(TensorRecord) + tensor.shape().size() * sizeof(std::int64_t);
  }
  std::string body;
  Append(body, DoneRecord{std::chrono::nanoseconds(message.device_time).count(),
                          static_cast<std::uint32_t>(message.status.code()), static_cast<std::uint32_t>(text.size()),
                          message.made.size(), message.checksum});
  for (const Tensor& tensor : message.made) {
    const std::size_t offset = (end + kAlignment - 1) / kAlignment * kAlignment;
    AppendTensor(body, {tensor.element_type(), tensor.shape(), 0, offset, tensor.byte_size()});
    end = offset + tensor.byte_size();
  }
  body += text;
  body.reserve(end);
  for (const Tensor& tensor : message.made) {
    body.resize((body.size() + kAlignment - 1) / kAlignment * kAlignment);
    body.append(reinterpret_cast<const char*>(tensor.bytes().data()), tensor.byte_size());
  }
  return body;
}

absl::StatusOr<DoneMessage> DecodeDone(std::string_view body) {
  Reader reader(body);
  const std::optional<DoneRecord> record = reader.Take<DoneRecord>();
  if (!record || record->nanoseconds < 0) {
    return Malformed("done is too short, or took no time");
  }
  DoneMessage message;
  message.device_time = std::chrono::nanoseconds(record->nanoseconds);
  message.checksum = static_cast<std::uint32_t>(record->checksum);
  std::vector<TensorPlace> places;
  ACCELERD_RETURN_IF_ERROR(TakeTensors(reader, record->tensors, places));
  const std::optional<std::string_view> text = reader.TakeText(record->text_bytes);
  if (!text) {
    return Malformed("done is too short");
  }
  if (record->code != 0) {
    message.status = MakeError(record->code, *text);
    return message;
  }
  std::size_t left = body.size();  // Overlapping tensors must not multiply it.
  for (const TensorPlace& place : places) {
    if (place.bytes > left) {
      return Malformed("the tensors are larger than the message");
    }
    left -= place.bytes;
    ACCELERD_ASSIGN_OR_RETURN(message.made.emplace_back(), CopyOut(body, place));
  }
  return message;
}

std::string EncodeStatus(const absl::Status& status) {
  const nlohmann::json json = {{"code", static_cast<int>(status.code())}, {"message", TextOf(status)}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::Status DecodeStatus(std::string_view body) {
  try {
    ACCELERD_ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(body));
    return MakeError(json.at("code").get<std::uint64_t>(), json.at("message").get<std::string>());
  } catch (const nlohmann::json::exception& error) {
    return Malformed(error.what());
  }
}

}  // namespace accelerd
