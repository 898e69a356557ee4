#ifndef ACCELERD_FRONTEND_HTTP_BODY_READER_H_
#define ACCELERD_FRONTEND_HTTP_BODY_READER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "frontend/http/body_budget.h"
#include "frontend/http/request_parser.h"
#include "frontend/http/router.h"
#include "frontend/http/server.h"
#include "frontend/http/stream.h"
#include "frontend/http/transfer_deadline.h"

namespace accelerd {

/// The whole body of a request.
struct Body {
  std::shared_ptr<const void> owner;  ///< Memory and reservation; any thread may let go of it.
  std::span<const std::byte> bytes;
};

/// Reads one body into recycled memory that grows as the body arrives; its bytes are reserved before. One coroutine
/// uses it. The objects that its constructor takes must outlive it.
class BodyReader {
 public:
  /// While `draining` is true, a body that is not whole is refused.
  BodyReader(Stream& stream, const HttpServerOptions& options, BodyBudget& budget, BufferPool& pool,
             const std::shared_ptr<boost::asio::io_context>& io, const bool& draining)
      : stream_(stream), options_(options), budget_(budget), pool_(pool), io_(io), draining_(draining) {}
  ~BodyReader() { signals_->reading = false; }
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;

  /// Reads the body of a request of `client`, of at most `max_bytes`. Returns true if the whole body is there.
  /// Otherwise `refusal` is the answer, with `size_advice` if the body is too large, or it is empty because the client
  /// is gone. Sends "100 Continue" if
  /// `wants_continue`, as soon as there is room for the body.
  Awaitable<bool> Read(const RequestHead& head, RequestParser& parser, const std::string& client, std::size_t max_bytes,
                       std::string_view size_advice, bool wants_continue);

  Body TakeBody();
  /// Gives up what was read, and its room.
  void DropBody() {
    signals_->reading = false;
    memory_.reset();
  }
  std::optional<HttpResponse> refusal;

 private:
  /// What the owner of a body holds; the memory goes back first.
  struct Memory {
    BodyBudget::Account account;
    std::shared_ptr<Buffer> buffer;
  };

  /// What the budget tells the reader. Touched on the I/O thread only; callbacks may outlive the reader.
  struct Signals {
    bool reading = true;   ///< The body is not whole yet.
    bool granted = false;  ///< The step that waited has its room.
    bool evicted = false;  ///< Another client needs the room.
  };

  Awaitable<bool> ReadFixed(std::size_t size, bool wants_continue);
  Awaitable<bool> ReadChunked(RequestParser& parser, std::size_t max_bytes, bool wants_continue);
  /// Gets more room, for a body of at most `max_bytes`.
  Awaitable<bool> MakeRoom(std::size_t max_bytes);
  Awaitable<bool> Reserve(std::size_t bytes);
  Awaitable<bool> SendContinue();
  /// Waits until more input is there.
  Awaitable<bool> AwaitInput();
  void SetTimeout();
  void Progress(std::size_t bytes);
  void Finish();
  bool Refuse(int status, std::string_view message);
  bool RefuseForNow(std::string_view message);
  /// Returns whether the body is given up before it is whole, and sets `refusal` unless the client is gone.
  bool Interrupted();

  Stream& stream_;
  const HttpServerOptions& options_;
  BodyBudget& budget_;
  BufferPool& pool_;
  const std::shared_ptr<boost::asio::io_context>& io_;
  const bool& draining_;
  std::string_view size_advice_;
  const std::shared_ptr<Signals> signals_ = std::make_shared<Signals>();
  std::shared_ptr<Memory> memory_ = std::make_shared<Memory>();
  TransferDeadline deadline_{options_.body_timeout, options_.min_rate, Clock::Steady().Now()};
  std::size_t capacity_ = 0;  ///< Reserved.
  std::size_t size_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_BODY_READER_H_
