#include "frontend/http/server.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <exception>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "base/contain_exceptions.h"
#include "base/log.h"
#include "base/log_throttle.h"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/executor_work_guard.hpp"
#include "boost/asio/posix/stream_descriptor.hpp"
#include "boost/asio/post.hpp"
#include "boost/asio/steady_timer.hpp"
#include "fmt/core.h"
#include "frontend/http/listener.h"
#include "frontend/http/session.h"

namespace accelerd {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;

constexpr std::size_t kIdleBodyBytes = 16 << 20;
constexpr int kAcceptsAtOnce = 64;
// Connections that are being told that there are too many; more are closed without a word.
constexpr std::size_t kMaxTurnedAway = 64;
// How many idle connections are asked in turn whether they are really to be closed for a new one.
constexpr int kMaxReplaceAttempts = 8;
constexpr std::chrono::milliseconds kDescriptorsExhaustedPause{100};

/// How often deadlines are looked at: they are met within an eighth of the shortest one.
std::chrono::milliseconds SweepInterval(const HttpServerOptions& options) {
  const auto shortest = std::min(
      {options.body_wait, options.header_timeout, options.body_timeout, options.idle_timeout, options.write_timeout});
  return std::clamp(shortest / 8, std::chrono::milliseconds(5), std::chrono::milliseconds(1000));
}

/// The machine's name, in lower case.
std::string HostName() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  gethostname(name.data(), name.size() - 1);
  std::transform(name.begin(), name.end(), name.begin(), absl::ascii_tolower);
  return name.data();
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
                     [this] { CompleteWhenIdle(); }},
        io_(*environment_.io),
        sweep_timer_(io_),
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
    for (const ListenAddress& address : environment_.options.listen) {
      ACCELERD_ASSIGN_OR_RETURN(
          auto listener, Listener::Open(address, environment_.options.socket_mode, environment_.options.socket_group));
      addresses_.push_back(listener->address());
      doors_.push_back(std::make_shared<Door>(io_, std::move(listener)));
    }
    OriginRules& rules = environment_.origin_rules;
    rules.origins = environment_.options.allow_origins;
    rules.hosts = environment_.options.allow_hosts;
    rules.hosts.push_back(HostName());
    return absl::OkStatus();
  }

  void Serve() {
    for (const auto& door : doors_) {
      AwaitConnections(door);
    }
    thread_ = std::thread([this] {
      prctl(PR_SET_NAME, "http");
      RunToTheEnd();
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
  /// Runs the I/O until there is none. An exception, most likely for want of memory, ends the handler that threw it and
  /// not the process.
  void RunToTheEnd() {
    while (!ContainExceptions("http", [this] { io_.run(); })) {
    }
  }

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
      } else if ((accepted.error == EMFILE || accepted.error == ENFILE) && CloseIdle()) {
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

  void StartSession(Accepted accepted) {
    const bool full = environment_.connections.size() >= environment_.options.max_connections && !CloseIdle();
    if (full && turned_away_ >= kMaxTurnedAway) {
      return;
    }
    const ConnectionTable::Id id = ++last_id_;
    const auto session =
        std::make_shared<Session>(environment_, id, std::move(accepted.socket), std::move(accepted.client));
    sessions_.emplace(id, session);
    if (full) {
      turned_away_++;
    } else {
      environment_.connections.Open(id, session->peer());
    }
    asio::co_spawn(io_, full ? session->TurnAway() : session->Serve(),
                   [this, id, session, full](const std::exception_ptr& error) {
                     if (error) {
                       LogError("http", "a connection was closed for lack of memory");
                     }
                     session->Close();
                     environment_.connections.Close(id);
                     sessions_.erase(id);
                     turned_away_ -= full ? 1 : 0;
                   });
    ArmSweep();
  }

  /// Closes an idle connection to make room for another one; false: there is none.
  bool CloseIdle() {
    ConnectionTable& connections = environment_.connections;
    for (int i = 0; i < kMaxReplaceAttempts; ++i) {
      const auto id = connections.Replaceable();
      if (!id) {
        return false;
      }
      Session& session = *sessions_.at(*id);
      if (!session.request_waits()) {
        connections.Close(*id);
        session.Close();
        return true;
      }
      connections.SetIdle(*id);
    }
    return false;
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
  std::size_t turned_away_ = 0;
  Timer sweep_timer_;
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
