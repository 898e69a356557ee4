#ifndef ACCELERD_BACKEND_ISOLATED_MESSAGES_H_
#define ACCELERD_BACKEND_ISOLATED_MESSAGES_H_

/// \file
/// What the daemon and its worker say to each other; docs/worker-protocol.md is the specification. Both sides distrust
/// each other: what is decoded here may be anything.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/tensor.h"

namespace accelerd {

inline constexpr int kWorkerProtocolVersion = 2;

/// The worker's end of the socket.
inline constexpr int kWorkerSocket = 3;

enum class MessageType : std::uint16_t {
  // From the daemon.
  kHello = 1,
  kOpen = 2,
  kRegion = 3,
  kForget = 4,
  kCompile = 5,
  kStart = 6,
  kDrop = 7,
  kProbe = 8,
  kStop = 9,
  // From the worker.
  kAnswer = 64,
  kError = 65,
  kDone = 66,
  kLost = 67,
};

/// In front of every message, in the machine's byte order.
struct MessageHeader {
  std::uint16_t magic = kMagic;
  MessageType type = MessageType::kHello;
  std::uint32_t flags = 0;
  std::uint64_t length = 0;    ///< Bytes of the body.
  std::uint64_t sequence = 0;  ///< Of a question, and of its answer. Of a run.

  static constexpr std::uint16_t kMagic = 0xACCE;
  static constexpr std::uint32_t kBodyInDescriptor = 1;
};
static_assert(sizeof(MessageHeader) == 24);

/// A tensor of a run, and where its bytes are.
struct TensorPlace {
  ElementType element_type = ElementType::kU8;
  Shape shape;
  std::uint64_t region = 0;  ///< 0: in no region.
  std::uint64_t offset = 0;  ///< In the region.
  std::uint64_t bytes = 0;
};

struct StartMessage {
  std::uint32_t model = 0;
  std::vector<TensorPlace> inputs;
  std::vector<TensorPlace> outputs;  ///< Region 0: the worker makes the tensor and sends it.
};

std::string EncodeStart(const StartMessage& message);

/// kInvalidArgument: it is none. What it returns is consistent in itself: the bytes are those of the shape, offsets do
/// not overflow.
absl::StatusOr<StartMessage> DecodeStart(std::string_view body);

struct DoneMessage {
  absl::Status status;
  Duration device_time{};
  std::uint32_t checksum = 0;  ///< Of the outputs that were written in place (ChecksumOf), when the status is OK.
  Tensors made = {};           ///< The outputs that the daemon left to the worker, in order, when the status is OK.
};

std::string EncodeDone(const DoneMessage& message);

/// As DecodeStart. The tensors have memory of their own. kResourceExhausted: the machine has none for them.
absl::StatusOr<DoneMessage> DecodeDone(std::string_view body);

/// `{"code": 14, "message": "…"}`; code is that of absl, which is that of gRPC.
std::string EncodeStatus(const absl::Status& status);

/// The error that `body` says. kInvalidArgument when it says none: never OK.
absl::Status DecodeStatus(std::string_view body);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_MESSAGES_H_
