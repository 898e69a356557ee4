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

/// Sizes in quarters of a power of two, so that buffers fit again; at most a quarter is left unused.
std::size_t BufferSize(std::size_t bytes) {
  if (bytes <= kSmallestBuffer) {
    return kSmallestBuffer;
  }
  const std::size_t step = std::bit_floor(bytes - 1) / 4;
  return (bytes + step - 1) & ~(step - 1);
}

}  // namespace

Awaitable<bool> BodyReader::Read(const RequestHead& head, RequestParser& parser, std::size_t max_bytes,
                                 bool wants_continue) {
  const auto size = static_cast<std::size_t>(head.content_length.value_or(0));
  memory_->account = budget_.Open(head.chunked ? max_bytes : size);
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
      size_ += taken;
      continue;
    }
    if (stream_.reading()) {
      if (!co_await AwaitInput()) {
        co_return false;
      }
      continue;
    }
    SetTimeout();
    const std::size_t bytes = co_await stream_.ReadSome(target);
    size_ += bytes;
    if (bytes == 0 && Interrupted()) {
      co_return false;
    }
  }
  memory_->account.Finish();
  stream_.ClearTimeout();
  co_return true;
}

Awaitable<bool> BodyReader::ReadChunked(RequestParser& parser, std::size_t max_bytes, bool wants_continue) {
  if (!co_await MakeRoom(max_bytes)) {
    co_return false;
  }
  if (wants_continue) {
    if (!co_await SendContinue()) {
      co_return false;
    }
  }
  for (;;) {
    const std::string_view input = stream_.input();
    const auto decoded = parser.DecodeChunks(input, memory_->buffer->bytes().subspan(size_, capacity_ - size_));
    const bool stuck = decoded.consumed == 0 && decoded.produced == 0;
    stream_.Consume(decoded.consumed);
    size_ += decoded.produced;
    if (decoded.complete) {
      memory_->account.Finish();
      stream_.ClearTimeout();
      co_return true;
    }
    if (decoded.failed || (stuck && input.size() >= kMaxChunkHeader)) {
      co_return Refuse(400, "malformed chunked body");
    }
    if (size_ == capacity_ && decoded.full) {
      if (capacity_ == max_bytes) {
        co_return Refuse(413, fmt::format("the body is over the limit of {} bytes for this call", max_bytes));
      }
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
    if (!stream_.closed()) {
      Refuse(503, "too many large requests at once; try again later");
      refusal->headers.emplace_back("Retry-After", "1");
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
  const auto granted = std::make_shared<bool>(false);
  const bool at_once = budget_.Grow(memory_->account, bytes, [io = io_, granted, stream = stream_.weak_from_this()] {
    boost::asio::post(*io, [granted, stream] {
      *granted = true;
      if (const auto waiting = stream.lock()) {
        waiting->Wake();
      }
    });
  });
  if (at_once) {
    co_return true;
  }
  const Time waiting_since = Clock::Steady().Now();
  stream_.SetTimeout(options_.body_wait);
  while (!*granted && !stream_.timed_out() && !stream_.closed()) {
    co_await stream_.Wait();
  }
  started_ += Clock::Steady().Now() - waiting_since;
  budget_.CancelGrow(memory_->account);
  stream_.ClearTimeout();
  co_return *granted;
}

Awaitable<bool> BodyReader::SendContinue() {
  // A client that sends without waiting needs no leave any more.
  if (!stream_.input().empty()) {
    co_return true;
  }
  static constexpr std::array<std::string_view, 3> kContinue = {"HTTP/1.1 100 Continue\r\n\r\n"};
  co_return co_await stream_.Write(kContinue, options_.write_timeout, options_.write_timeout);
}

void BodyReader::SetTimeout() {
  const Duration timeout = options_.body_timeout;
  const Time end = started_ + timeout + std::chrono::seconds(size_ / options_.min_rate);
  stream_.SetTimeout(std::clamp<Duration>(end - Clock::Steady().Now(), std::chrono::milliseconds(1), timeout));
}

Awaitable<bool> BodyReader::AwaitInput() {
  const std::size_t before = stream_.input().size();
  SetTimeout();
  while (stream_.input().size() == before) {
    stream_.StartRead(kMaxChunkHeader);
    if (!stream_.reading() && Interrupted()) {
      co_return false;
    }
    co_await stream_.Wait();
    if (stream_.input().size() == before && Interrupted()) {
      co_return false;
    }
  }
  co_return true;
}

bool BodyReader::Refuse(int status, std::string_view message) {
  refusal = ErrorResponse(status, message);
  return false;
}

bool BodyReader::Interrupted() {
  if (stream_.timed_out() && !stream_.closed()) {
    Refuse(408, fmt::format("no more of the body arrived for {} ms", options_.body_timeout.count()));
  }
  return stream_.timed_out() || stream_.ended();
}

}  // namespace accelerd
