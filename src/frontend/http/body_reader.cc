#include "frontend/http/body_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "boost/asio/post.hpp"
#include "fmt/core.h"

namespace accelerd {
namespace {

// The room of a body of which nothing has arrived, and how many times the arrived bytes it gets then: the less, the
// more is copied on the way.
constexpr std::size_t kFirstRoom = 64 << 10;
constexpr std::size_t kGrowth = 4;
constexpr std::size_t kSmallestBuffer = 4 << 10;
// Bounds the line of a chunk's size, and the trailer.
constexpr std::size_t kMaxChunkHeader = 4 << 10;
// Bounds all that a chunked body has beside its content: lines of sizes, extensions and the trailer. A body whose
// chunks have a byte each is allowed.
constexpr std::size_t kMaxFraming = 16 << 10;
constexpr std::size_t kMaxFramingOfByte = 8;
// While a body waits for room, it asks this many times less one for that of another client.
constexpr int kWaits = 5;

/// Sizes in quarters of a power of two, so that buffers fit again; at most a quarter is left unused.
std::size_t BufferSize(std::size_t bytes) {
  if (bytes <= kSmallestBuffer) {
    return kSmallestBuffer;
  }
  const std::size_t step = std::bit_floor(bytes - 1) / 4;
  return (bytes + step - 1) & ~(step - 1);
}

}  // namespace

Awaitable<bool> BodyReader::Read(const RequestHead& head, RequestParser& parser, const std::string& client,
                                 std::size_t max_bytes, std::string_view size_advice, bool wants_continue) {
  size_advice_ = size_advice;
  const auto size = static_cast<std::size_t>(head.content_length.value_or(0));
  memory_->account = budget_.Open(client, head.chunked ? max_bytes : size,
                                  [io = io_, signals = signals_, stream = stream_.weak_from_this()] {
                                    boost::asio::post(*io, [signals, stream] {
                                      const auto reading = stream.lock();
                                      if (reading != nullptr && signals->reading) {
                                        signals->evicted = true;
                                        reading->Interrupt();
                                      }
                                    });
                                  });
  return head.chunked ? ReadChunked(parser, max_bytes, wants_continue) : ReadFixed(size, wants_continue);
}

Body BodyReader::TakeBody() {
  if (size_ == 0) {
    DropBody();
    return {};
  }
  Body body;
  body.bytes = memory_->buffer->bytes().first(size_);
  body.owner = std::move(memory_);
  return body;
}

Awaitable<bool> BodyReader::ReadFixed(std::size_t size, bool wants_continue) {
  if (size == 0) {
    co_return true;
  }
  if (!co_await MakeRoom(size)) {
    co_return false;
  }
  if (wants_continue) {
    if (!co_await SendContinue()) {
      co_return false;
    }
  }
  while (size_ < size) {
    if (size_ == capacity_) {
      if (!co_await MakeRoom(size)) {
        co_return false;
      }
    }
    const std::span<std::byte> target = memory_->buffer->bytes().subspan(size_, capacity_ - size_);
    if (const std::string_view input = stream_.input(); !input.empty()) {
      const std::size_t taken = std::min(input.size(), target.size());
      std::memcpy(target.data(), input.data(), taken);
      stream_.Consume(taken);
      Progress(taken);
      continue;
    }
    if (stream_.reading()) {
      if (!co_await AwaitInput()) {
        co_return false;
      }
      continue;
    }
    // An interruption is recorded before the wait is cancelled, so looking first misses nothing.
    if (Interrupted()) {
      co_return false;
    }
    SetTimeout();
    Progress(co_await stream_.ReadSome(target));
  }
  Finish();
  co_return true;
}

Awaitable<bool> BodyReader::ReadChunked(RequestParser& parser, std::size_t max_bytes, bool wants_continue) {
  if (max_bytes > 0 && !co_await MakeRoom(max_bytes)) {
    co_return false;
  }
  if (wants_continue) {
    if (!co_await SendContinue()) {
      co_return false;
    }
  }
  std::size_t framing = 0;
  for (;;) {
    const std::string_view input = stream_.input();
    const std::span<std::byte> room =
        capacity_ == 0 ? std::span<std::byte>() : memory_->buffer->bytes().subspan(size_, capacity_ - size_);
    const auto decoded = parser.DecodeChunks(input, room);
    const bool stuck = decoded.consumed == 0 && decoded.produced == 0;
    stream_.Consume(decoded.consumed);
    Progress(decoded.produced);
    framing += decoded.consumed - decoded.produced;
    if (decoded.failed || (stuck && input.size() >= kMaxChunkHeader)) {
      co_return Refuse(400, "malformed chunked body");
    }
    if (decoded.announced > max_bytes - size_) {
      co_return Refuse(413, BodyTooLarge(max_bytes, size_advice_));
    }
    if (framing > kMaxFraming + size_ * kMaxFramingOfByte) {
      co_return Refuse(400, "the chunks of the body have too long extensions");
    }
    if (decoded.complete) {
      Finish();
      co_return true;
    }
    if (decoded.full) {
      if (!co_await MakeRoom(max_bytes)) {
        co_return false;
      }
      continue;
    }
    if (!stuck) {
      continue;
    }
    if (!co_await AwaitInput()) {
      co_return false;
    }
  }
}

Awaitable<bool> BodyReader::MakeRoom(std::size_t max_bytes) {
  const std::size_t wanted = capacity_ == 0                    ? kFirstRoom
                             : capacity_ > max_bytes / kGrowth ? max_bytes
                                                               : capacity_ * kGrowth;
  const std::size_t capacity = std::min(wanted, max_bytes);
  if (!co_await Reserve(capacity - capacity_)) {
    if (!Interrupted()) {
      RefuseForNow(
          fmt::format("there was no room for this body for {} ms: the bodies of all requests may have {} bytes "
                      "(--max-total-body-bytes), which the clients share; try again later",
                      options_.body_wait.count(), budget_.limit()));
    }
    co_return false;
  }
  auto buffer = pool_.Allocate(BufferSize(capacity));
  if (!buffer.ok()) {
    refusal = StatusResponse(buffer.status());
    co_return false;
  }
  if (size_ > 0) {
    std::memcpy((*buffer)->bytes().data(), memory_->buffer->bytes().data(), size_);
  }
  memory_->buffer = *std::move(buffer);
  capacity_ = capacity;
  co_return true;
}

Awaitable<bool> BodyReader::Reserve(std::size_t bytes) {
  signals_->granted = false;
  const bool at_once =
      budget_.Grow(memory_->account, bytes, [io = io_, signals = signals_, stream = stream_.weak_from_this()] {
        boost::asio::post(*io, [signals, stream] {
          signals->granted = true;
          if (const auto waiting = stream.lock()) {
            waiting->Wake();
          }
        });
      });
  if (at_once) {
    co_return true;
  }
  const Time waiting_since = Clock::Steady().Now();
  const auto waits = [this] { return !signals_->granted && !signals_->evicted && !draining_ && !stream_.closed(); };
  for (int i = 0; i < kWaits && waits(); ++i) {
    if (i > 0) {
      budget_.MakeRoom(memory_->account);
    }
    stream_.SetTimeout(options_.body_wait / kWaits);
    while (waits() && !stream_.timed_out()) {
      co_await stream_.Wait();
    }
  }
  deadline_.Postpone(Clock::Steady().Now() - waiting_since);
  budget_.CancelGrow(memory_->account);
  stream_.ClearTimeout();
  co_return signals_->granted;
}

Awaitable<bool> BodyReader::SendContinue() {
  // A client that sends without waiting needs no leave any more.
  if (!stream_.input().empty()) {
    co_return true;
  }
  static constexpr std::array<std::string_view, 3> kContinue = {"HTTP/1.1 100 Continue\r\n\r\n"};
  co_return co_await stream_.Write(kContinue, options_.write_timeout, options_.min_rate);
}

void BodyReader::SetTimeout() {
  stream_.SetTimeout(std::max<Duration>(deadline_.Left(Clock::Steady().Now()), std::chrono::milliseconds(1)));
}

void BodyReader::Progress(std::size_t bytes) {
  size_ += bytes;
  deadline_.Progress(bytes, Clock::Steady().Now());
}

void BodyReader::Finish() {
  signals_->reading = false;
  memory_->account.Finish();
  stream_.ClearTimeout();
}

Awaitable<bool> BodyReader::AwaitInput() {
  const std::size_t before = stream_.input().size();
  while (stream_.input().size() == before) {
    if (Interrupted()) {
      co_return false;
    }
    SetTimeout();
    stream_.StartRead(kMaxChunkHeader);
    co_await stream_.Wait();
  }
  co_return true;
}

bool BodyReader::Refuse(int status, std::string_view message) {
  refusal = ErrorResponse(status, message);
  return false;
}

bool BodyReader::RefuseForNow(std::string_view message) {
  refusal = StatusResponse(WithRetryAfter(absl::UnavailableError(std::string(message)), std::chrono::seconds(1)));
  return false;
}

bool BodyReader::Interrupted() {
  if (stream_.closed()) {
    return true;
  }
  if (draining_) {
    RefuseForNow("the service is shutting down, and the body of this request is not whole");
  } else if (signals_->evicted) {
    RefuseForNow("another client needed the room of this body, which was not whole; try again later");
  } else if (stream_.timed_out() || deadline_.Left(Clock::Steady().Now()) <= Duration(0)) {
    Refuse(408, fmt::format("the body came too slowly: nothing for {} ms, or less than {} bytes a second for longer",
                            options_.body_timeout.count(), options_.min_rate));
  }
  return refusal.has_value() || stream_.ended();
}

}  // namespace accelerd
