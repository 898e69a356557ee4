#include "frontend/http/stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <tuple>
#include <utility>

#include "boost/asio/as_tuple.hpp"
#include "boost/asio/buffer.hpp"
#include "boost/asio/post.hpp"
#include "frontend/http/transfer_deadline.h"

namespace accelerd {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Most headers fit, and an idle connection costs no more.
constexpr std::size_t kInitialBuffer = 4 << 10;

constexpr std::chrono::milliseconds kProgressInterval{100};

using Token = asio::as_tuple_t<asio::use_awaitable_t<IoExecutor>>;

asio::generic::stream_protocol ProtocolOf(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  return {address.ss_family, 0};
}

}  // namespace

Stream::Stream(asio::io_context& io, UniqueFd socket) : io_(io), socket_(io) {
  error_code error;
  const asio::generic::stream_protocol protocol = ProtocolOf(socket.get());
  local_ = protocol.family() == AF_UNIX;
  socket_.assign(protocol, socket.get(), error);
  if (error) {
    ended_ = true;
    return;
  }
  socket.release();
}

void Stream::StartRead(std::size_t limit) {
  if (reading_ || ended_ || input().size() >= limit) {
    return;
  }
  MakeSpace(limit);
  if (end_ == capacity_) {
    return;
  }
  reading_ = true;
  socket_.async_read_some(asio::buffer(buffer_.get() + end_, capacity_ - end_),
                          [self = shared_from_this()](const error_code& error, std::size_t bytes) {
                            self->reading_ = false;
                            self->end_ += bytes;
                            self->NoteProgress(bytes);
                            self->ended_ = self->ended_ || (error && error != asio::error::operation_aborted);
                            self->Wake();
                          });
}

bool Stream::available() const {
  error_code ignored;
  return socket_.available(ignored) > 0;
}

void Stream::WatchForLoss() {
  if (std::exchange(watching_, true)) {
    return;
  }
  socket_.async_wait(asio::socket_base::wait_error, [self = shared_from_this()](const error_code& error) {
    self->watching_ = false;
    if (error != asio::error::operation_aborted) {
      self->lost_ = true;
      self->Wake();
    }
  });
}

void Stream::MakeSpace(std::size_t limit) {
  const std::size_t size = end_ - begin_;
  if (size == 0) {
    begin_ = end_ = 0;
  }
  if (capacity_ > 0 && end_ < capacity_) {
    return;
  }
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, size);
  } else if (capacity_ < limit) {
    const std::size_t capacity = std::min(std::max(capacity_ * 2, kInitialBuffer), limit);
    auto grown = std::make_unique_for_overwrite<char[]>(capacity);
    std::copy_n(buffer_.get(), size, grown.get());
    buffer_ = std::move(grown);
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = size;
}

Awaitable<std::size_t> Stream::ReadSome(std::span<std::byte> target) {
  if (ended_) {
    co_return 0;  // A read after the end of a connection would wait for an event that does not come.
  }
  const asio::mutable_buffer buffer(target.data(), target.size());
  const auto [error, bytes] = co_await socket_.async_read_some(buffer, Token());
  if (error && error != asio::error::operation_aborted) {
    ended_ = true;
  }
  NoteProgress(bytes);
  co_return bytes;
}

Awaitable<bool> Stream::Write(const std::array<std::string_view, 3>& pieces, Duration patience, std::size_t min_rate) {
  TransferDeadline deadline(patience, min_rate, Clock::Steady().Now());
  std::array<asio::const_buffer, 3> buffers;
  std::ranges::transform(pieces, buffers.begin(),
                         [](std::string_view piece) { return asio::const_buffer(piece.data(), piece.size()); });
  while (asio::buffer_size(buffers) > 0) {
    const Duration left = deadline.Left(Clock::Steady().Now());
    if (left <= Duration(0)) {
      co_return false;
    }
    SetTimeout(left);
    auto [error, bytes] = co_await socket_.async_write_some(buffers, Token());
    if (error) {
      co_return false;
    }
    deadline.Progress(bytes, Clock::Steady().Now());
    NoteProgress(bytes);
    for (asio::const_buffer& buffer : buffers) {
      const std::size_t of_buffer = std::min(bytes, buffer.size());
      buffer += of_buffer;
      bytes -= of_buffer;
    }
  }
  ClearTimeout();
  co_return true;
}

Awaitable<void> Stream::Wait() {
  return asio::async_initiate<const asio::use_awaitable_t<IoExecutor>, void()>(
      [this](auto handler) {
        waiter_ = [resume = std::move(handler)]() mutable { std::move(resume)(); };
        if (std::exchange(woken_, false)) {
          Wake();
        }
      },
      asio::use_awaitable_t<IoExecutor>());
}

void Stream::Wake() {
  if (waiter_) {
    // Posted, for it may be another connection's coroutine that runs now.
    asio::post(io_, std::exchange(waiter_, nullptr));
  } else {
    woken_ = true;
  }
}

void Stream::SetTimeout(Duration timeout) {
  deadline_ = Clock::Steady().Now() + timeout;
  timed_out_ = false;
}

void Stream::ClearTimeout() {
  deadline_ = Time::max();
  timed_out_ = false;
}

void Stream::CheckDeadline(Time now) {
  if (now >= deadline_) {
    Interrupt();
  }
}

void Stream::Interrupt() {
  deadline_ = Time::max();
  timed_out_ = true;
  error_code ignored;
  socket_.cancel(ignored);
  Wake();
}

void Stream::NoteProgress(std::size_t bytes) {
  const Time now = Clock::Steady().Now();
  if (bytes > 0 && now - last_progress_ >= kProgressInterval) {
    last_progress_ = now;
    if (on_progress_) {
      on_progress_(now);
    }
  }
}

void Stream::ShutdownSend() {
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
}

void Stream::Close() {
  closed_ = ended_ = true;
  error_code ignored;
  socket_.close(ignored);
  Wake();
}

}  // namespace accelerd
