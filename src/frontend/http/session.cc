#include "frontend/http/session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <exception>
#include <utility>

#include "base/log.h"
#include "boost/asio/dispatch.hpp"
#include "boost/asio/post.hpp"
#include "fmt/core.h"
#include "frontend/http/body_reader.h"
#include "frontend/http/response_head.h"

namespace accelerd {
namespace {

// A client that sends this much after its answer is cut off.
constexpr std::size_t kMaxLingerBytes = 64 << 20;
// While a call runs, its client may send this much ahead.
constexpr std::size_t kReadAheadBytes = 4 << 10;
// How long a client may take to read an answer whose memory other clients need.
constexpr std::chrono::seconds kPatienceUnderPressure{5};
constexpr std::string_view kHeadEnd = "\r\n\r\n";

/// Whether a request may begin with this character: a method is a token (RFC 9110, 5.6.2).
bool IsTokenCharacter(char character) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z') ||
         (character >= '0' && character <= '9') || kOthers.find(character) != std::string_view::npos;
}

/// The answer to a request that is not whole when the service stops.
HttpResponse Stopping() {
  return StatusResponse(
      WithRetryAfter(absl::UnavailableError("the service is shutting down"), std::chrono::seconds(1)));
}

std::shared_ptr<HttpRequest> MakeRequest(RequestHead& head, Router::Match match, Body body) {
  auto request = std::make_shared<HttpRequest>();
  request->owner = std::move(body.owner);
  request->parameters = std::move(match.parameters);
  request->query = std::move(match.query);
  request->headers = std::move(head.headers);
  request->body = body.bytes;
  return request;
}

HttpResponse TooMany(int status, std::string_view message, std::string_view reason) {
  HttpResponse response = ErrorResponse(status, message, reason);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

/// The answer to one call, which may come on any thread, once, or never.
class Session::Exchange {
 public:
  explicit Exchange(const std::shared_ptr<Session>& session) : io_(session->environment_.io), session_(session) {}
  ~Exchange() {
    if (!answered_) {
      Respond(ErrorResponse(500, "the service dropped the call without an answer"));
    }
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void Respond(HttpResponse response) {
    if (answered_.exchange(true)) {
      return;
    }
    // The session is touched on the I/O thread alone; it may have ended.
    boost::asio::dispatch(*io_, [session = session_, response = std::move(response)]() mutable {
      if (const auto waiting = session.lock()) {
        waiting->OnAnswer(std::move(response));
      }
    });
  }

 private:
  const std::shared_ptr<boost::asio::io_context> io_;
  const std::weak_ptr<Session> session_;
  std::atomic<bool> answered_ = false;
};

Session::Session(SessionEnvironment& environment, ConnectionTable::Id id, UniqueFd socket, std::string client)
    : environment_(environment),
      id_(id),
      client_(std::move(client)),
      peer_(socket.get()),
      stream_(std::make_shared<Stream>(*environment.io, std::move(socket))) {
  peer_.Recognize(environment_.sockets);
  // The stream may outlive the session, but not the tables.
  stream_->SetProgressHandler(
      [&connections = environment_.connections, id](Time now) { connections.Progress(id, now); });
}

Awaitable<void> Session::Serve() {
  bool keep = true;
  while (keep) {
    keep = co_await ServeRequest();
  }
}

void Session::GiveUp(bool stalled) {
  given_up_ = true;
  stalled_ = stalled;
  stream_->Interrupt();
}

HttpResponse Session::GivenUp() const {
  if (stalled_) {
    return ErrorResponse(408, fmt::format("nothing of the body arrived for {} s while other clients needed connections",
                                          kStall.count()));
  }
  return TooMany(429, "this client has more connections than others that need one; its last request was given up",
                 "client_connections");
}

void Session::SetPhase(ConnectionPhase phase) {
  environment_.connections.SetPhase(id_, phase, Clock::Steady().Now());
}

void Session::CheckDeadline(Time now) {
  stream_->CheckDeadline(now);
  if (wanted_ != nullptr && *wanted_ && now - writing_since_ >= kPatienceUnderPressure) {
    stream_->Interrupt();
  }
}

bool Session::request_waits() const {
  return !lingering_ && (stream_->available() || stream_->input().find(kHeadEnd) != std::string_view::npos);
}

void Session::StopReading() {
  if (reading_body_) {
    stream_->Interrupt();
  } else {
    stream_->Wake();
  }
}

void Session::CloseIfIdle() {
  if (lingering_ || (reading_head_ && !request_waits())) {
    Close();
  }
}

void Session::Close() {
  SetBusy(false);
  stream_->Close();
}

Awaitable<bool> Session::ServeRequest() {
  head_ = RequestHead();
  origin_headers_.clear();
  SetPhase(ConnectionPhase::kIdle);
  reading_head_ = true;
  const auto head_size = co_await ReadHead();
  reading_head_ = false;
  if (!head_size) {
    if (!refusal_) {
      co_return false;
    }
    co_return co_await Refuse(*refusal_, /*keep=*/false);
  }
  SetPhase(ConnectionPhase::kServing);
  RequestParser parser;
  const auto error = parser.ParseHead(stream_->input().substr(0, *head_size), head_);
  stream_->Consume(*head_size);
  if (error) {
    const HttpResponse response = ErrorResponse(error->status, error->message);
    co_return co_await Refuse(response, /*keep=*/false);
  }
  origin_headers_ = OriginHeaders(head_, environment_.origin_rules);
  Judgement judgement;
  const std::optional<HttpResponse> refusal = Judge(judgement);
  if (refusal) {
    co_return co_await Refuse(*refusal, judgement.keep);
  }
  const Router::Route& route = *judgement.match.route;
  const std::optional<HttpResponse> no_place = co_await Admit(route);
  if (no_place) {
    co_return co_await Refuse(*no_place, /*keep=*/false);
  }
  // The client's share decides how much room a body gets.
  const std::string client = environment_.policy.ClientOf(peer_, conditions_.client_id).key();
  BodyReader reader(*stream_, environment_.options, *environment_.budget, environment_.pool, environment_.io,
                    environment_.draining);
  if (head_.has_body()) {
    SetPhase(ConnectionPhase::kTransferring);
  }
  reading_body_ = true;
  const bool read = co_await reader.Read(head_, parser, client, judgement.max_body_bytes, route.size_advice,
                                         judgement.wants_continue);
  reading_body_ = false;
  if (!read) {
    if (!reader.refusal) {
      co_return false;
    }
    reader.DropBody();
    const HttpResponse response = given_up_ ? GivenUp() : *std::move(reader.refusal);
    co_return co_await Refuse(response, /*keep=*/false);
  }

  if (given_up_) {
    const HttpResponse response = GivenUp();
    co_return co_await Refuse(response, /*keep=*/false);
  }
  const Time arrived = Clock::Steady().Now();
  SetPhase(ConnectionPhase::kServing);
  const std::optional<ClientCalls::Call> load =
      route.kind == CallKind::kLoad ? environment_.loads.Begin(environment_.policy.ClientOf(peer_, "").key())
                                    : std::nullopt;
  if (route.kind == CallKind::kLoad && !load) {
    const HttpResponse response =
        TooMany(429, fmt::format("this client waits for {} models to be loaded already", environment_.loads.most()),
                "client_loads");
    co_return co_await Refuse(response, head_.keep_alive);
  }
  StartCall(route, MakeRequest(head_, std::move(judgement.match), reader.TakeBody()), arrived);
  std::optional<HttpResponse> answer = co_await AwaitAnswer();
  if (!answer) {
    co_return false;
  }
  const bool kept = co_await Answer(*answer, head_.keep_alive);
  answer.reset();  // Its memory shall not wait for the client to close.
  if (!kept) {
    co_await Linger();
  }
  co_return kept;
}

Awaitable<std::optional<std::size_t>> Session::ReadHead() {
  const HttpServerOptions& options = environment_.options;
  std::size_t searched = 0;
  started_ = Clock::Steady().Now();
  SetBusy(!stream_->input().empty());
  stream_->SetTimeout(busy_ ? options.header_timeout : options.idle_timeout);
  for (;;) {
    // Empty lines before a request are ignored (RFC 9112, 2.2).
    while (searched == 0 && stream_->input().starts_with("\r\n")) {
      stream_->Consume(2);
    }
    const std::string_view input = stream_->input();
    if (!input.empty() && !busy_) {
      SetBusy(true);
      stream_->SetTimeout(options.header_timeout);
      started_ = Clock::Steady().Now();
    }
    if (const std::size_t end = input.find(kHeadEnd, searched); end != std::string_view::npos) {
      stream_->ClearTimeout();
      co_return end + kHeadEnd.size();
    }
    if (environment_.draining && !input.empty()) {
      refusal_ = Stopping();
    } else if (input.size() > 1 && !IsTokenCharacter(input.front())) {
      refusal_ = ErrorResponse(400, "malformed HTTP request: this is no HTTP");
    } else if (const auto error = RequestParser::JudgeLines(input, searched)) {
      refusal_ = ErrorResponse(error->status, error->message);
    } else if (input.size() >= options.max_header_bytes) {
      refusal_ = ErrorResponse(431, fmt::format("the header is over {} bytes", options.max_header_bytes));
    } else if (stream_->timed_out() && busy_) {
      refusal_ = ErrorResponse(408, fmt::format("no whole header within {} ms", options.header_timeout.count()));
    }
    if (refusal_ || stream_->timed_out() || stream_->ended()) {
      co_return std::nullopt;
    }
    searched = input.size() - std::min(input.size(), kHeadEnd.size() - 1);
    stream_->StartRead(options.max_header_bytes);
    co_await stream_->Wait();
  }
}

std::optional<HttpResponse> Session::Judge(Judgement& judgement) {
  const HttpServerOptions& options = environment_.options;
  judgement = JudgeRequest(head_, environment_.router, std::min(options.max_body_bytes, options.max_total_body_bytes));
  // No browser reaches a Unix socket.
  if (!stream_->is_local()) {
    if (auto answer = AnswerByOrigin(head_, environment_.origin_rules, peer_.at_loopback())) {
      return answer;
    }
  }
  if (judgement.refusal) {
    return std::move(judgement.refusal);
  }
  if (environment_.draining && head_.has_body()) {
    return Stopping();
  }
  return JudgeConditions(judgement.match);
}

std::optional<HttpResponse> Session::JudgeConditions(const Router::Match& match) {
  conditions_ = CallConditions();
  if (match.route->kind != CallKind::kScheduled) {
    return std::nullopt;
  }
  absl::StatusOr<CallConditions> conditions = ReadCallConditions(head_, match.query);
  if (!conditions.ok()) {
    return StatusResponse(conditions.status());
  }
  conditions_ = *std::move(conditions);
  const absl::StatusOr<PriorityClass> priority =
      environment_.policy.PriorityOf(peer_, conditions_.client_id, conditions_.priority);
  if (!priority.ok()) {
    return StatusResponse(priority.status());
  }
  conditions_.priority = *priority;
  return std::nullopt;
}

bool Session::NeedsProcess(const Router::Route& route) const {
  if (route.kind == CallKind::kScheduled || route.kind == CallKind::kLoad) {
    return true;
  }
  // A body can hold its place for long, and without a place it matters whose connection it would be.
  return head_.has_body() || environment_.lobby.holds(id_);
}

Awaitable<std::optional<HttpResponse>> Session::Admit(const Router::Route& route) {
  if (route.kind == CallKind::kHealth) {
    co_return std::nullopt;
  }
  if (NeedsProcess(route)) {
    co_await FindProcess();
  }
  if (given_up_ || stream_->closed()) {
    co_return GivenUp();
  }
  if (environment_.connections.holds(id_) || environment_.admit(*this)) {
    co_return std::nullopt;
  }
  const bool share_is_full =
      environment_.connections.RoomFor(peer(), /*with_request=*/true, Clock::Steady().Now()).share_is_full;
  co_return share_is_full ? TooMany(429, "this client has as many connections as one client may have; use those again",
                                    "client_connections")
                          : TooMany(503, "too many connections; try again later", "too_many_connections");
}

Awaitable<void> Session::FindProcess() {
  const std::optional<std::uint32_t> inode = peer_.inode_to_find();
  if (!inode || finding_process_ || search_goes_on_ || environment_.policy.IdIsClient(peer_, conditions_.client_id) ||
      environment_.policy.IsAsOne(peer_)) {
    co_return;
  }
  finding_process_ = true;
  environment_.processes.Find(*inode, peer_.uid().value_or(0),
                              [io = environment_.io, session = weak_from_this()](const ProcessFinder::Answer& answer) {
                                boost::asio::post(*io, [session, answer] {
                                  if (const auto waiting = session.lock()) {
                                    waiting->OnProcess(answer);
                                  }
                                });
                              });
  while (finding_process_ && !given_up_ && !stream_->closed() && !ClientLeft()) {
    stream_->StartRead(kReadAheadBytes);
    co_await stream_->Wait();
  }
}

void Session::StartCall(const Router::Route& route, std::shared_ptr<const HttpRequest> request, Time arrived) {
  answer_.reset();
  cancellation_ = std::make_shared<Cancellation>();
  CallContext context;
  context.client = environment_.policy.ClientOf(peer_, conditions_.client_id);
  if (route.kind == CallKind::kScheduled) {
    context.priority = conditions_.priority.value_or(PriorityClass::kNormal);
    context.stream = conditions_.stream;
  }
  const std::chrono::milliseconds longest = environment_.options.request_timeout;
  context.deadline = arrived + std::min(longest, conditions_.timeout.value_or(longest));
  context.cancellation = cancellation_;
  const auto exchange = std::make_shared<Exchange>(shared_from_this());
  try {
    route.handler(std::move(context), std::move(request),
                  [exchange](HttpResponse response) { exchange->Respond(std::move(response)); });
  } catch (const std::exception& error) {
    LogError("http", fmt::format("the handler of {} failed: {}", route.pattern, error.what()));
    exchange->Respond(ErrorResponse(500, "internal error"));
  }
}

Awaitable<std::optional<HttpResponse>> Session::AwaitAnswer() {
  bool cancelled = false;
  while (!answer_ && !given_up_ && !stream_->closed()) {
    if (!cancelled && ClientLeft()) {
      cancelled = true;
      cancellation_->Cancel();
      continue;
    }
    stream_->StartRead(kReadAheadBytes);
    co_await stream_->Wait();
  }
  if (!answer_) {
    cancellation_->Cancel();
    if (given_up_ && !stream_->closed()) {
      co_return GivenUp();
    }
  }
  co_return std::exchange(answer_, std::nullopt);
}

bool Session::ClientLeft() {
  const bool read_ahead = stream_->input().size() >= kReadAheadBytes;
  if (!stream_->ended() && !read_ahead) {
    return false;
  }
  // Over TCP a process that dies and one that has sent its all and waits look alike. Its work shall leave the queue,
  // but for a client that said that this is its last request: to shut its side down is then its right.
  if (stream_->ended() && !stream_->is_local() && head_.keep_alive) {
    return true;
  }
  stream_->WatchForLoss();
  return stream_->lost();
}

Awaitable<bool> Session::Refuse(const HttpResponse& response, bool keep) {
  const bool kept = co_await Answer(response, keep);
  if (!kept) {
    co_await Linger();
  }
  co_return kept;
}

Awaitable<bool> Session::Answer(const HttpResponse& response, bool keep) {
  keep = keep && !environment_.draining && !given_up_;
  SetPhase(ConnectionPhase::kTransferring);
  const std::string head = FormatResponseHead(response, head_.version, keep, std::time(nullptr), origin_headers_);
  const bool with_body = head_.method != "HEAD";
  const std::array<std::string_view, 3> pieces = {head, with_body ? std::string_view(response.body) : "",
                                                  with_body ? response.rest : ""};
  wanted_ = response.wanted;
  writing_since_ = Clock::Steady().Now();
  const bool written =
      co_await stream_->Write(pieces, environment_.options.write_timeout, environment_.options.min_rate);
  wanted_.reset();
  LogAccess(response);
  SetBusy(false);
  if (!written) {
    stream_->Close();
  } else if (!keep) {
    stream_->ShutdownSend();
  }
  co_return written&& keep;
}

Awaitable<void> Session::Linger() {
  lingering_ = true;
  SetPhase(ConnectionPhase::kIdle);
  stream_->SetTimeout(environment_.options.body_timeout);
  std::size_t drained = 0;
  while (!stream_->ended() && !stream_->timed_out() && drained < kMaxLingerBytes) {
    drained += stream_->input().size();
    stream_->Consume(stream_->input().size());
    stream_->StartRead(environment_.options.max_header_bytes);
    co_await stream_->Wait();
  }
}

void Session::OnAnswer(HttpResponse response) {
  answer_ = std::move(response);
  stream_->Wake();
}

void Session::OnProcess(ProcessFinder::Answer answer) {
  search_goes_on_ = answer.later;
  peer_.Found(std::move(answer));
  environment_.connections.SetPeer(id_, peer());
  environment_.lobby.SetPeer(id_, peer());
  finding_process_ = false;
  stream_->Wake();
}

void Session::SetBusy(bool busy) {
  if (busy == busy_) {
    return;
  }
  busy_ = busy;
  environment_.busy += busy ? 1 : -1;
  if (environment_.busy == 0 && environment_.on_idle) {
    environment_.on_idle();
  }
}

void Session::LogAccess(const HttpResponse& response) const {
  if (!LogEnabled(LogLevel::kDebug)) {
    return;
  }
  const std::chrono::duration<double, std::milli> elapsed = Clock::Steady().Now() - started_;
  LogDebug("http", fmt::format("{} {} {} {} {} bytes {:.1f} ms", client_, head_.method.empty() ? "-" : head_.method,
                               head_.target.empty() ? "-" : head_.target, response.status, response.body_size(),
                               elapsed.count()));
}

}  // namespace accelerd
