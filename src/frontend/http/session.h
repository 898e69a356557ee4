#ifndef ACCELERD_FRONTEND_HTTP_SESSION_H_
#define ACCELERD_FRONTEND_HTTP_SESSION_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/buffer.h"
#include "frontend/http/body_budget.h"
#include "frontend/http/call_conditions.h"
#include "frontend/http/client_calls.h"
#include "frontend/http/connection_table.h"
#include "frontend/http/local_sockets.h"
#include "frontend/http/origin_rules.h"
#include "frontend/http/peer.h"
#include "frontend/http/process_finder.h"
#include "frontend/http/request_rules.h"
#include "frontend/http/server.h"
#include "frontend/http/stream.h"

namespace accelerd {

class Session;

/// What the connections of a server share. Used on its I/O thread.
struct SessionEnvironment {
  HttpServerOptions options;
  const Router& router;
  OriginRules origin_rules;
  std::shared_ptr<boost::asio::io_context> io;  ///< Shared with those who still owe an answer.
  std::shared_ptr<BodyBudget> budget;
  BufferPool pool;
  bool draining = false;                ///< Connections close after their next answer.
  std::size_t busy = 0;                 ///< Connections that read, serve or answer a request.
  std::function<void()> on_idle;        ///< Called when `busy` falls to 0.
  std::function<bool(Session&)> admit;  ///< Moves a session from `lobby` to `connections`. false: there is no place.
  ConnectionTable connections{{.places = options.max_connections,
                               .reserved = options.max_connections / kReservedShare,
                               .stall = kStall}};  ///< Those that are served.
  /// Those that have no place yet, and those that lost theirs and are told so. They are answered about the service's
  /// health; the first other request needs a place. All count as idle: any of them makes room for a newer one.
  ConnectionTable lobby{{.places = kLobbyPlaces, .reserved = 0, .stall = kStall}};
  ClientCalls loads{kMaxClientLoads};
  ClientPolicy policy{options.clients};
  LocalSockets sockets = {};
  ProcessFinder processes = {};
};

/// One connection: reads requests, one after the other, has them served and writes the answers. On the I/O thread.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// `id`: of the connection, in one of the tables of connections.
  Session(SessionEnvironment& environment, ConnectionTable::Id id, UniqueFd socket, std::string client);

  ConnectionTable::Id id() const { return id_; }

  /// Whom the connection counts for, as far as is known.
  std::string peer() const { return peer_.account(); }

  /// Serves until the connection ends. The session lives as long as the coroutine runs; never throws but for lack of
  /// memory.
  Awaitable<void> Serve();

  /// Ends the request that is served or transferred, since its connection has to make room, and then the connection.
  /// The client is told why unless an answer is being written. `stalled`: the client made no progress.
  void GiveUp(bool stalled);

  /// Ends what has waited for too long.
  void CheckDeadline(Time now);

  /// Refuses the request that is arriving and not whole. REQUIRES: the environment is draining.
  void StopReading();

  /// Whether a request has begun to arrive that nobody has looked at yet.
  bool request_waits() const;

  /// Ends the connection if it waits for a request, or for its client to close it.
  void CloseIfIdle();

  /// Ends the connection: Serve completes soon, the call that runs is cancelled.
  void Close();

 private:
  class Exchange;

  /// Serves one request. false: the connection ends.
  Awaitable<bool> ServeRequest();
  /// The size of a whole header in the input; nullopt: see refusal_, empty when the connection ends.
  Awaitable<std::optional<std::size_t>> ReadHead();
  /// Judges head_ before its body; the answer to a request that is not served.
  std::optional<HttpResponse> Judge(Judgement& judgement);
  /// Reads conditions_; the refusal of a request that may not have them.
  std::optional<HttpResponse> JudgeConditions(const Router::Match& match);
  /// Waits until the process at the other end was looked for, where it may be found.
  Awaitable<void> FindProcess();
  /// Whether the process at the other end has to be known before a request of this kind is served.
  bool NeedsProcess(const Router::Route& route) const;
  /// Finds out whom the request counts for. The answer to one that has no place; see SessionEnvironment.
  Awaitable<std::optional<HttpResponse>> Admit(const Router::Route& route);
  HttpResponse GivenUp() const;
  void SetPhase(ConnectionPhase phase);
  void StartCall(const Router::Route& route, std::shared_ptr<const HttpRequest> request, Time arrived);
  /// nullopt: the connection was closed first. Cancels the call when the client leaves.
  Awaitable<std::optional<HttpResponse>> AwaitAnswer();
  /// Whether the client has left, as far as it can be seen: of one that sent so much ahead that no more is read, a
  /// reset connection or a closed Unix socket.
  bool ClientLeft();
  // Coroutines take references to named objects: GCC 12 destroys temporaries in a co_await expression twice.
  Awaitable<bool> Refuse(const HttpResponse& response, bool keep);
  Awaitable<bool> Answer(const HttpResponse& response, bool keep);
  /// Lets the client read the answer although it still sends: closing at once would reset the connection.
  Awaitable<void> Linger();

  void OnAnswer(HttpResponse response);
  void OnProcess(ProcessFinder::Answer answer);
  void SetBusy(bool busy);
  void LogAccess(const HttpResponse& response) const;

  SessionEnvironment& environment_;
  const ConnectionTable::Id id_;
  const std::string client_;
  Peer peer_;
  bool finding_process_ = false;  ///< The request waits for the search.
  bool search_goes_on_ = false;   ///< In the background; see ProcessFinder.
  const std::shared_ptr<Stream> stream_;
  RequestHead head_;            ///< Of the request being served.
  std::string origin_headers_;  ///< Of its answer.
  CallConditions conditions_;
  Time started_;
  std::optional<HttpResponse> refusal_;              ///< From ReadHead.
  std::optional<HttpResponse> answer_;               ///< To the call that runs.
  std::shared_ptr<const std::atomic<bool>> wanted_;  ///< Whether others need the memory of the answer that is written.
  Time writing_since_;
  std::shared_ptr<Cancellation> cancellation_;
  bool busy_ = false;
  bool reading_head_ = false;
  bool given_up_ = false;
  bool stalled_ = false;  ///< When it was given up.
  bool reading_body_ = false;
  bool lingering_ = false;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_SESSION_H_
