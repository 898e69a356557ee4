#ifndef ACCELERD_FRONTEND_HTTP_BODY_READER_H_
#define ACCELERD_FRONTEND_HTTP_BODY_READER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "base/buffer.h"
#include "frontend/http/body_budget.h"
#include "frontend/http/request_parser.h"
#include "frontend/http/router.h"
#include "frontend/http/server.h"
#include "frontend/http/stream.h"

namespace accelerd {

/// The whole body of a request.
struct Body {
  std::shared_ptr<const void> owner;  ///< Memory and reservation; any thread may let go of it.
  std::span<const std::byte> bytes;
};

/// Reads one body into recycled memory that grows as the body arrives; its bytes are reserved before. Used by one
/// coroutine; all it is given outlives it.
class BodyReader {
 public:
  BodyReader(Stream& stream, const HttpServerOptions& options, BodyBudget& budget, BufferPool& pool,
             const std::shared_ptr<boost::asio::io_context>& io)
      : stream_(stream), options_(options), budget_(budget), pool_(pool), io_(io) {}

  /// true: `body` is there. Else `refusal` is the answer, or empty when the client is gone. Sends "100 Continue" when
  /// that is wanted, as soon as there is room for the body.
  Awaitable<bool> Read(const RequestHead& head, RequestParser& parser, std::size_t max_bytes, bool wants_continue);

  Body TakeBody();
  /// Gives up what was read, and its room.
  void DropBody() { memory_.reset(); }
  std::optional<HttpResponse> refusal;

 private:
  /// What the owner of a body holds; the memory goes back first.
  struct Memory {
    BodyBudget::Account account;
    std::shared_ptr<Buffer> buffer;
  };

  Awaitable<bool> ReadFixed(std::size_t size, bool wants_continue);
  Awaitable<bool> ReadChunked(RequestParser& parser, std::size_t max_bytes, bool wants_continue);
  /// More room, for a body of at most `max_bytes`.
  Awaitable<bool> MakeRoom(std::size_t max_bytes);
  Awaitable<bool> Reserve(std::size_t bytes);
  Awaitable<bool> SendContinue();
  /// Waits until more input is there.
  Awaitable<bool> AwaitInput();
  /// A body that comes a byte at a time would hold its memory for ever: it may take the timeout, and the time that what
  /// has arrived takes at the least rate.
  void SetTimeout();
  bool Refuse(int status, std::string_view message);
  bool Interrupted();

  Stream& stream_;
  const HttpServerOptions& options_;
  BodyBudget& budget_;
  BufferPool& pool_;
  const std::shared_ptr<boost::asio::io_context>& io_;
  std::shared_ptr<Memory> memory_ = std::make_shared<Memory>();
  Time started_ = Clock::Steady().Now();  ///< Later by the time that it waited for room.
  std::size_t capacity_ = 0;              ///< Reserved.
  std::size_t size_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_BODY_READER_H_
