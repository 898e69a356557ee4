#include "frontend/http/server.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/log_throttle.h"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/executor_work_guard.hpp"
#include "boost/asio/posix/stream_descriptor.hpp"
#include "boost/asio/post.hpp"
#include "boost/asio/steady_timer.hpp"
#include "fmt/core.h"
#include "frontend/http/listener.h"
#include "frontend/http/machine_names.h"
#include "frontend/http/session.h"

namespace accelerd {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;

constexpr std::size_t kIdleBodyBytes = 16 << 20;
// Between them what was accepted is read: a connection in the lobby is asked for its request before it has to go.
constexpr int kAcceptsAtOnce = 16;
// How many connections are asked in turn whether they really can make room for a new one.
constexpr int kMaxVictims = 8;
constexpr std::chrono::milliseconds kDescriptorsExhaustedPause{100};

/// How often deadlines are looked at: they are met within an eighth of the shortest one.
std::chrono::milliseconds SweepInterval(const HttpServerOptions& options) {
  const auto shortest = std::min(
      {options.body_wait, options.header_timeout, options.body_timeout, options.idle_timeout, options.write_timeout});
  return std::clamp(shortest / 8, std::chrono::milliseconds(5), std::chrono::milliseconds(1000));
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, const Router& router)
      : environment_{std::move(options),
                     router,
                     OriginRules(),
                     std::make_shared<asio::io_context>(1),
                     nullptr,
                     BufferPool(kIdleBodyBytes),
                     /*draining=*/false,
                     /*busy=*/0,
                     [this] { CompleteWhenIdle(); },
                     [this](Session& session) { return Admit(session); }},
        io_(*environment_.io),
        sweep_timer_(io_),
        renewal_timer_(io_),
        sweep_interval_(SweepInterval(environment_.options)) {
    const HttpServerOptions& limits = environment_.options;
    environment_.budget = std::make_shared<BodyBudget>(limits.max_total_body_bytes,
                                                       std::min(limits.max_body_bytes, limits.max_total_body_bytes));
  }

  ~Impl() {
    if (!thread_.joinable()) {
      return;
    }
    asio::post(io_, [this] { CloseAll(); });
    thread_.join();
  }

  absl::Status Bind() {
    const HttpServerOptions& options = environment_.options;
    ACCELERD_ASSIGN_OR_RETURN(
        auto listeners, OpenListeners(options.listen, {.mode = options.socket_mode, .group = options.socket_group}));
    for (std::unique_ptr<Listener>& listener : listeners) {
      addresses_.push_back(listener->address());
      doors_.push_back(std::make_shared<Door>(io_, std::move(listener)));
    }
    OriginRules& rules = environment_.origin_rules;
    rules.origins = environment_.options.allow_origins;
    rules.hosts = environment_.options.allow_hosts;
    const std::vector<std::string> own = MachineNames(HostName());
    rules.hosts.insert(rules.hosts.end(), own.begin(), own.end());
    return absl::OkStatus();
  }

  void Serve() {
    for (const auto& door : doors_) {
      AwaitConnections(door);
    }
    ArmRenewal();
    thread_ = std::thread([this] {
      prctl(PR_SET_NAME, "http");
      io_.run();
    });
  }

  const std::vector<std::string>& addresses() const { return addresses_; }

  void StopAccepting() {
    asio::post(io_, [this] {
      CloseDoors();
      for (const auto& [id, session] : sessions_) {
        session->StopReading();
      }
    });
  }

  void NotifyIdle(Done<> done) {
    asio::post(io_, [this, done = std::move(done)]() mutable {
      idle_done_.push_back(std::move(done));
      CompleteWhenIdle();
    });
  }

 private:
  /// A listening socket in the I/O loop. Shared with the operations under way, which may complete after it was closed.
  struct Door {
    Door(asio::io_context& io, std::unique_ptr<Listener> its_listener)
        : listener(std::move(its_listener)), descriptor(io, listener->descriptor()), pause(io) {}
    ~Door() { Close(); }

    void Close() {
      if (listener != nullptr) {
        descriptor.release();
        pause.cancel();
        listener = nullptr;
      }
    }

    std::unique_ptr<Listener> listener;                           ///< Null when it was closed.
    asio::posix::basic_stream_descriptor<IoExecutor> descriptor;  ///< A view: the listener owns it.
    Timer pause;
    std::string trouble;  ///< Why the address cannot be reached, as the log has it.
  };

  void AwaitConnections(const std::shared_ptr<Door>& door) {
    door->descriptor.async_wait(asio::posix::descriptor_base::wait_read, [this, door](const error_code& error) {
      if (!error && door->listener != nullptr) {
        AcceptAll(door);
      }
    });
  }

  void AcceptAll(const std::shared_ptr<Door>& door) {
    for (int i = 0; i < kAcceptsAtOnce; ++i) {
      Accepted accepted = door->listener->Accept();
      if (accepted.socket.valid()) {
        StartSession(std::move(accepted));
      } else if ((accepted.error == EMFILE || accepted.error == ENFILE) && FreeDescriptor()) {
        continue;
      } else if (accepted.error == EMFILE || accepted.error == ENFILE || accepted.error == ENOBUFS ||
                 accepted.error == ENOMEM) {
        if (const auto line = exhaustion_log_.Admit(
                fmt::format("no connection could be accepted: {}; raise the limit of open files (ulimit -n) or lower "
                            "--max-connections",
                            std::generic_category().message(accepted.error)),
                Clock::Steady().Now())) {
          LogWarning("http", *line);
        }
        Pause(door);
        return;
      } else if (accepted.error == EAGAIN) {
        break;
      }
      // Else the connection broke before it was taken.
    }
    AwaitConnections(door);
  }

  /// The connections that wait would be reported again and again.
  void Pause(const std::shared_ptr<Door>& door) {
    door->pause.expires_after(kDescriptorsExhaustedPause);
    door->pause.async_wait([this, door](const error_code& error) {
      if (!error && door->listener != nullptr) {
        AwaitConnections(door);
      }
    });
  }

  /// Looks after sockets that may be deleted.
  void ArmRenewal() {
    if (environment_.options.socket_check_interval.count() == 0) {
      return;
    }
    renewal_timer_.expires_after(environment_.options.socket_check_interval);
    renewal_timer_.async_wait([this](const error_code& error) {
      if (error || environment_.draining) {
        return;
      }
      for (std::shared_ptr<Door>& door : doors_) {
        Renew(door);
      }
      ArmRenewal();
    });
  }

  void Renew(std::shared_ptr<Door>& door) {
    auto renewed = door->listener->Renew();
    if (!renewed.ok()) {
      // Said once, not at each attempt.
      if (const std::string trouble(Message(renewed.status())); trouble != door->trouble) {
        LogWarning("http",
                   fmt::format("{} was deleted or replaced, and clients cannot reach it: {}. It is tried again "
                               "every {} ms",
                               door->listener->address(), trouble, environment_.options.socket_check_interval.count()));
        door->trouble = trouble;
      }
      return;
    }
    door->trouble.clear();
    if (*renewed == nullptr) {
      return;
    }
    LogWarning("http", fmt::format("{} was deleted or replaced; listening on it again", door->listener->address()));
    // Those who came before wait at the old socket.
    for (Accepted accepted = door->listener->Accept(); accepted.socket.valid(); accepted = door->listener->Accept()) {
      StartSession(std::move(accepted));
    }
    door->Close();
    door = std::make_shared<Door>(io_, *std::move(renewed));
    AwaitConnections(door);
  }

  void StartSession(Accepted accepted) {
    const ConnectionTable::Id id = ++last_id_;
    const auto session =
        std::make_shared<Session>(environment_, id, std::move(accepted.socket), std::move(accepted.client));
    if (!Enter(environment_.connections, *session, /*with_request=*/false) &&
        !Enter(environment_.lobby, *session, /*with_request=*/false)) {
      return;
    }
    sessions_.emplace(id, session);
    asio::co_spawn(io_, session->Serve(), [this, id, session](const std::exception_ptr& error) {
      if (error) {
        LogError("http", "a connection was closed for lack of memory");
      }
      session->Close();
      Leave(id);
      sessions_.erase(id);
    });
    ArmSweep();
  }

  bool Admit(Session& session) {
    if (!Enter(environment_.connections, session, /*with_request=*/true)) {
      return false;
    }
    environment_.lobby.Close(session.id());
    environment_.connections.SetPhase(session.id(), ConnectionPhase::kServing, Clock::Steady().Now());
    return true;
  }

  /// Gives a connection a place in a table, for which another one may have to go. false: there is none.
  bool Enter(ConnectionTable& table, const Session& session, bool with_request) {
    const std::string peer = session.peer();
    const Time now = Clock::Steady().Now();
    for (int i = 0; i < kMaxVictims; ++i) {
      const ConnectionTable::Room room = table.RoomFor(peer, with_request, now);
      if (room.free) {
        table.Open(session.id(), peer, now);
        return true;
      }
      if (!room.victim) {
        return false;
      }
      Evict(table, *room.victim, now);
    }
    return false;
  }

  /// Takes a connection out of its table, unless it was idle and a request waits there.
  void Evict(ConnectionTable& table, ConnectionTable::Id id, Time now) {
    const std::shared_ptr<Session> session = sessions_.at(id);
    if (&table == &environment_.lobby) {
      table.Close(id);
      session->Close();
      return;
    }
    const bool idle = table.idle(id);
    const bool stalled = table.stalled(id, now);
    if (idle && session->request_waits()) {
      table.SetPhase(id, ConnectionPhase::kIdle, now);
      return;
    }
    table.Close(id);
    if (!Enter(environment_.lobby, *session, /*with_request=*/false)) {
      session->Close();
    } else if (idle) {
      // A request may have been read that the session has not seen yet. It then asks for a place from the lobby.
      asio::post(io_, [session] { session->CloseIfIdle(); });
    } else {
      session->GiveUp(stalled);
    }
  }

  /// Closes a connection that is idle or stalled, for its descriptor; false: there is none.
  bool FreeDescriptor() {
    const Time now = Clock::Steady().Now();
    for (ConnectionTable* const table : {&environment_.lobby, &environment_.connections}) {
      for (int i = 0; i < kMaxVictims; ++i) {
        const auto id = table->IdleOrStalled(now);
        if (!id) {
          break;
        }
        Session& session = *sessions_.at(*id);
        if (table->idle(*id) && session.request_waits()) {
          table->SetPhase(*id, ConnectionPhase::kIdle, now);
          continue;
        }
        Leave(*id);
        session.Close();
        return true;
      }
    }
    return false;
  }

  void Leave(ConnectionTable::Id id) {
    environment_.connections.Close(id);
    environment_.lobby.Close(id);
  }

  /// One timer for the deadlines of all connections: a timer for each operation would cost more than it is worth.
  void ArmSweep() {
    if (sweeping_ || sessions_.empty()) {
      return;
    }
    sweeping_ = true;
    sweep_timer_.expires_after(sweep_interval_);
    sweep_timer_.async_wait([this](const error_code& error) {
      sweeping_ = false;
      if (error) {
        return;
      }
      const Time now = Clock::Steady().Now();
      for (const auto& [id, session] : sessions_) {
        session->CheckDeadline(now);
      }
      ArmSweep();
    });
  }

  void CloseDoors() {
    environment_.draining = true;
    renewal_timer_.cancel();
    for (const auto& door : doors_) {
      door->Close();
    }
  }

  void CloseAll() {
    CloseDoors();
    for (const auto& [id, session] : sessions_) {
      session->Close();
    }
    sweep_timer_.cancel();
    work_.reset();
  }

  void CompleteWhenIdle() {
    if (environment_.busy != 0) {
      return;
    }
    for (Done<>& done : std::exchange(idle_done_, {})) {
      done(absl::OkStatus());
    }
  }

  SessionEnvironment environment_;
  asio::io_context& io_;
  asio::executor_work_guard<IoExecutor> work_{io_.get_executor()};
  std::vector<std::shared_ptr<Door>> doors_;
  std::vector<std::string> addresses_;
  ConnectionTable::Id last_id_ = 0;
  std::unordered_map<ConnectionTable::Id, std::shared_ptr<Session>> sessions_;
  Timer sweep_timer_;
  Timer renewal_timer_;
  const std::chrono::milliseconds sweep_interval_;
  bool sweeping_ = false;
  LogThrottle exhaustion_log_{std::chrono::seconds(1)};
  std::vector<Done<>> idle_done_;
  std::thread thread_;
};

HttpServer::HttpServer(HttpServerOptions options, const Router& router)
    : impl_(std::make_unique<Impl>(std::move(options), router)) {}

HttpServer::~HttpServer() = default;

absl::Status HttpServer::Bind() {
  return impl_->Bind();
}

void HttpServer::Serve() {
  impl_->Serve();
}

std::vector<std::string> HttpServer::addresses() const {
  return impl_->addresses();
}

void HttpServer::StopAccepting() {
  impl_->StopAccepting();
}

void HttpServer::NotifyIdle(Done<> done) {
  impl_->NotifyIdle(std::move(done));
}

}  // namespace accelerd
