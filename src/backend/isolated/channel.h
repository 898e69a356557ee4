#ifndef ACCELERD_BACKEND_ISOLATED_CHANNEL_H_
#define ACCELERD_BACKEND_ISOLATED_CHANNEL_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/isolated/messages.h"
#include "base/shared_memory.h"
#include "base/unique_fd.h"

namespace accelerd {

/// A message that came in. `body` is valid until the next one is received.
struct ReceivedMessage {
  MessageType type = MessageType::kHello;
  std::uint64_t sequence = 0;
  std::string_view body;
  UniqueFd descriptor;  ///< That came with it, if one did.
};

/// One end of the socket between daemon and worker: SOCK_SEQPACKET, a packet a message.
class Channel {
 public:
  enum class Wait { kNo, kYes };

  explicit Channel(UniqueFd socket);

  /// Two sockets that are connected.
  static absl::StatusOr<std::pair<UniqueFd, UniqueFd>> CreatePair();

  /// Sends a message, and a descriptor with it unless that is -1. A large body travels as a sealed file, and takes no
  /// other descriptor with it. kUnavailable: the other end is gone; kAborted: without waiting, its messages pile up.
  /// Thread-safe.
  absl::Status Send(MessageType type, std::uint64_t sequence, std::string_view body, Wait wait, int descriptor = -1);

  /// The next message; nothing when there is none and nobody waits. kUnavailable: the other end is gone;
  /// kInvalidArgument: it sent nonsense. One thread at a time.
  absl::StatusOr<std::optional<ReceivedMessage>> Receive(Wait wait);

  /// Ends both directions. Thread-safe.
  void Shutdown();

  int socket() const { return socket_.get(); }

 private:
  absl::Status SendPacket(const MessageHeader& header, std::string_view body, Wait wait, int descriptor);
  absl::Status MapBody(ReceivedMessage& message, std::uint64_t length);

  const UniqueFd socket_;
  std::vector<char> packet_;
  Mapping body_;  ///< Of the message received last, when it was large.
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_CHANNEL_H_
