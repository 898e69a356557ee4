#ifndef ACCELERD_FRONTEND_HTTP_STREAM_H_
#define ACCELERD_FRONTEND_HTTP_STREAM_H_

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "base/clock.h"
#include "boost/asio/awaitable.hpp"
#include "boost/asio/generic/stream_protocol.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "frontend/http/listener.h"

namespace accelerd {

using IoExecutor = boost::asio::io_context::executor_type;
template <typename T>
using Awaitable = boost::asio::awaitable<T, IoExecutor>;

/// A connection: its socket, the bytes that arrived and nobody took yet, and one deadline.
///
/// One coroutine at a time uses it, on the I/O thread. Reading ahead goes on in the background while that coroutine
/// waits for something else, so that the end of the client is seen; what arrives early is kept.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(boost::asio::io_context& io, UniqueFd socket);

  /// The bytes that arrived. Valid until StartRead or Consume.
  std::string_view input() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void Consume(std::size_t bytes) { begin_ += bytes; }

  /// Reads more input in the background, and then wakes the coroutine; without effect when such a read is under way,
  /// the input is `limit` bytes or more already, or nothing can come any more.
  void StartRead(std::size_t limit);
  bool reading() const { return reading_; }
  /// Whether more has arrived than was read.
  bool available() const;

  /// Reads past the input, which must be empty, straight into `target`. 0: see `ended` and `timed_out`. REQUIRES: not
  /// reading().
  Awaitable<std::size_t> ReadSome(std::span<std::byte> target);

  /// Writes the pieces, which must stay valid until it completes. Returns false if the client is gone or reads too
  /// slowly, as TransferDeadline says.
  Awaitable<bool> Write(const std::array<std::string_view, 3>& pieces, Duration patience, std::size_t min_rate);

  /// Waits for the next Wake: a read in the background, the deadline and Close wake too. A Wake while nobody waits is
  /// remembered; there may be more of them than reasons.
  Awaitable<void> Wait();
  void Wake();

  /// When `timeout` has passed without another call of these, operations are cancelled and timed_out() becomes true.
  void SetTimeout(Duration timeout);
  void ClearTimeout();
  bool timed_out() const { return timed_out_; }
  void CheckDeadline(Time now);
  /// Cancels operations and makes timed_out() true, as if the time had passed.
  void Interrupt();

  /// Calls `on_progress` with the time, at most ten times a second, when bytes were received or sent.
  void SetProgressHandler(std::function<void(Time)> on_progress) { on_progress_ = std::move(on_progress); }

  /// The client has closed its side, or the connection is broken or closed: nothing more can be read.
  bool ended() const { return ended_; }
  bool closed() const { return closed_; }

  /// Begins to look out, and wakes the coroutine, for the moment when the client can read nothing more; `lost` is true
  /// from then on. A Unix socket tells when the client has closed it, TCP only when the connection is reset. At once
  /// when it is so already; further calls do nothing.
  void WatchForLoss();
  bool lost() const { return lost_; }

  /// Whether the client is reached over a Unix socket.
  bool is_local() const { return local_; }

  void ShutdownSend();
  void Close();

 private:
  void MakeSpace(std::size_t limit);
  void NoteProgress(std::size_t bytes);

  boost::asio::io_context& io_;
  boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, IoExecutor> socket_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool reading_ = false;
  bool ended_ = false;
  bool closed_ = false;
  bool lost_ = false;
  bool watching_ = false;
  bool local_ = false;
  bool woken_ = false;
  bool timed_out_ = false;
  Time deadline_ = Time::max();
  Time last_progress_{};
  std::function<void(Time)> on_progress_;
  absl::AnyInvocable<void()> waiter_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_STREAM_H_
