#include "backend/isolated/worker_session.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "backend/isolated/run_tensors.h"
#include "base/contain_exceptions.h"
#include "base/log.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

using Wait = Channel::Wait;

/// A worker that has closed its socket is about to end; how it ended is part of the message.
constexpr std::chrono::milliseconds kOwnEnd(500);
constexpr std::chrono::seconds kStopBound(2);
constexpr std::chrono::seconds kKillBound(5);

}  // namespace

absl::StatusOr<std::shared_ptr<WorkerSession>> WorkerSession::Start(const std::string& device,
                                                                    const std::vector<std::string>& command,
                                                                    const std::vector<int>& inherit, LogLevel level,
                                                                    Backend::OnLost on_lost) {
  ACCELERD_ASSIGN_OR_RETURN(auto sockets, Channel::CreatePair());
  const std::shared_ptr<WorkerSession> session(
      new WorkerSession(device, level, std::move(on_lost), std::move(sockets.first)));
  try {
    session->thread_ = std::thread([session, command, inherit, worker_socket = std::move(sockets.second)]() mutable {
      session->Main(command, inherit, std::move(worker_socket));
    });
  } catch (const std::system_error& error) {
    return absl::UnavailableError(fmt::format("cannot start a thread for the worker of {}: {}", device, error.what()));
  }
  return session;
}

WorkerSession::WorkerSession(const std::string& device, LogLevel level, Backend::OnLost on_lost, UniqueFd socket)
    : device_(device),
      component_(fmt::format("worker {}", device)),
      level_(level),
      on_lost_(std::move(on_lost)),
      channel_(std::move(socket)),
      output_(component_) {}

absl::StatusOr<std::string> WorkerSession::Call(MessageType type, std::string_view body,
                                                std::optional<Duration> bound) {
  const std::uint64_t sequence = ++last_sequence_;
  {
    const std::lock_guard lock(mutex_);
    asked_ = sequence;
    answer_.reset();
  }
  // When the worker is gone it is said below why.
  const absl::Status sent = channel_.Send(type, sequence, body, Wait::kNo);
  if (!sent.ok() && !absl::IsUnavailable(sent)) {
    const absl::Status reason = Lost(fmt::format("cannot be asked: {}", Message(sent)), LossKind::kUnresponsive);
    Break(reason, /*report=*/true);
  }
  std::unique_lock lock(mutex_);
  const auto over = [this] { return answer_ || told_; };
  const bool in_time = !bound || changed_.wait_for(lock, *bound, over);
  if (!bound) {
    changed_.wait(lock, over);
  }
  asked_ = 0;
  if (answer_) {
    return *std::exchange(answer_, std::nullopt);
  }
  if (!in_time) {
    return Lost(fmt::format("does not answer{}{}", sent.ok() ? "" : ": ", Message(sent)), LossKind::kUnresponsive);
  }
  return *end_;
}

absl::Status WorkerSession::ReportLoss() {
  const std::lock_guard lock(mutex_);
  report_ = !end_;
  return end_.value_or(absl::OkStatus());
}

absl::Status WorkerSession::SendStart(std::uint64_t sequence, const WorkerRun& run) {
  StartMessage message;
  message.model = run.model;
  for (const Tensor& input : run.inputs) {
    ACCELERD_RETURN_IF_ERROR(regions_.Announce(input.buffer()->shared()->region, Mapping::Access::kRead));
    message.inputs.push_back(PlaceOf(input));
  }
  for (const Tensor& output : run.staged_outputs) {
    if (!output.empty()) {
      ACCELERD_RETURN_IF_ERROR(regions_.Announce(output.buffer()->shared()->region, Mapping::Access::kWrite));
    }
    message.outputs.push_back(PlaceOf(output));
  }
  return channel_.Send(MessageType::kStart, sequence, EncodeStart(message), Wait::kNo);
}

absl::Status WorkerSession::StartRun(WorkerRun& run) {
  const std::uint64_t sequence = ++last_sequence_;
  const WorkerRun tensors{run.model, nullptr, run.inputs, run.staged_outputs, {}, {}};
  {
    const std::lock_guard lock(mutex_);
    if (end_) {
      return *end_;
    }
    runs_.emplace(sequence, std::move(run));
  }
  const absl::Status sent = SendStart(sequence, tensors);
  if (sent.ok() || absl::IsUnavailable(sent)) {
    return absl::OkStatus();  // When the worker is gone the thread notices, knows why, and completes the run.
  }
  {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(sequence);
    if (found == runs_.end()) {
      return absl::OkStatus();  // The loss of the worker completed it meanwhile.
    }
    run = std::move(found->second);
    runs_.erase(found);
  }
  if (!absl::IsAborted(sent)) {
    return sent;
  }
  const absl::Status reason =
      Lost(fmt::format("does not read its messages: {}", Message(sent)), LossKind::kUnresponsive);
  Break(reason, /*report=*/true);
  return reason;
}

void WorkerSession::DropModel(std::uint32_t model) {
  const std::string body = fmt::format("{{\"model\":{}}}", model);
  // A worker that cannot be reached has no models.
  static_cast<void>(channel_.Send(MessageType::kDrop, 0, body, Wait::kNo).ok());
}

void WorkerSession::ForgetRegions() {
  static_cast<void>(regions_.Forget().ok());
}

void WorkerSession::Abandon() {
  Break(WithLossKind(absl::UnavailableError(fmt::format("device {} was given up", device_)), LossKind::kUnresponsive),
        /*report=*/false);
}

void WorkerSession::Break(absl::Status reason, bool report) {
  const std::lock_guard lock(mutex_);
  if (!end_) {
    end_ = std::move(reason);
    report_ = report_ && report;
  }
  if (process_ != nullptr && !reaped_) {
    process_->Kill();
  }
  changed_.notify_all();
  channel_.Shutdown();  // Wakes the thread, which does the rest.
}

bool WorkerSession::Close() {
  bool kindly = false;
  {
    const std::lock_guard lock(mutex_);
    report_ = false;
    kindly = !end_ && runs_.empty();
  }
  const auto reaped = [this](Duration bound) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, bound, [this] { return reaped_; });
  };
  if (kindly && channel_.Send(MessageType::kStop, 0, "{}", Wait::kNo).ok() && reaped(kStopBound)) {
    thread_.join();
    return true;
  }
  Break(absl::UnavailableError(fmt::format("device {} is closed", device_)), /*report=*/false);
  if (!reaped(kKillBound)) {
    return false;
  }
  thread_.join();
  return true;
}

void WorkerSession::LetGo() {
  LogError(component_, "the worker cannot be killed; its device may stay busy");
  thread_.detach();
}

void WorkerSession::Main(const std::vector<std::string>& command, const std::vector<int>& inherit,
                         UniqueFd worker_socket) {
  absl::StatusOr<std::unique_ptr<WorkerProcess>> process = WorkerProcess::Spawn(command, worker_socket.get(), inherit);
  worker_socket = UniqueFd();
  if (!process.ok()) {
    Break(process.status(), /*report=*/false);
    MarkReaped();
    return;
  }
  Log(level_, component_, fmt::format("started as process {}", (*process)->pid()));
  {
    const std::lock_guard lock(mutex_);
    process_ = *std::move(process);
  }
  std::optional<absl::Status> reason;
  if (!ContainExceptions(component_, [&] { reason = Serve(); })) {
    // The worker is not to blame.
    reason = Lost("was given up, as its messages could not be handled", LossKind::kKilled);
  }
  Finish(reason);
}

/// Why it is over; nothing when the other end is gone.
std::optional<absl::Status> WorkerSession::Serve() {
  std::array<pollfd, 3> events = {
      {{channel_.socket(), POLLIN, 0}, {process_->output(), POLLIN, 0}, {process_->descriptor(), POLLIN, 0}}};
  auto& [messages, output, end] = events;
  for (;;) {
    if (poll(events.data(), events.size(), -1) < 0) {
      continue;  // A signal.
    }
    // The end is looked at first: what was sent before it is there now.
    const bool ended = end.revents != 0;
    if (output.revents != 0 && !output_.Read(output.fd)) {
      output.fd = -1;
    }
    if (messages.revents != 0 || ended) {
      const absl::StatusOr<bool> open = ReceiveAll();
      if (!open.ok()) {
        return open.status();
      }
      if (!*open || ended) {
        return std::nullopt;
      }
    }
  }
}

/// Handles what has come in. False when the other end is gone.
absl::StatusOr<bool> WorkerSession::ReceiveAll() {
  for (;;) {
    absl::StatusOr<std::optional<ReceivedMessage>> message = channel_.Receive(Wait::kNo);
    if (absl::IsUnavailable(message.status())) {
      return false;
    }
    if (!message.ok()) {
      return Lost(Message(message.status()));
    }
    if (!*message) {
      return true;
    }
    ACCELERD_RETURN_IF_ERROR(Handle(**std::move(message)));
  }
}

absl::Status WorkerSession::Handle(ReceivedMessage message) {
  switch (message.type) {
    case MessageType::kDone:
      return FinishRun(message.sequence, message.body);
    case MessageType::kAnswer:
      TakeAnswer(message.sequence, std::string(message.body));
      return absl::OkStatus();
    case MessageType::kError:
      TakeAnswer(message.sequence, DecodeStatus(message.body));
      return absl::OkStatus();
    case MessageType::kLost:
      return absl::UnavailableError(fmt::format("device {}: {}", device_, Message(DecodeStatus(message.body))));
    default:
      return Lost(fmt::format("sent a message of the unknown type {}", static_cast<int>(message.type)));
  }
}

void WorkerSession::TakeAnswer(std::uint64_t sequence, absl::StatusOr<std::string> answer) {
  const std::lock_guard lock(mutex_);
  if (sequence == asked_) {  // Else it comes too late.
    answer_ = std::move(answer);
    changed_.notify_all();
  }
}

absl::Status WorkerSession::FinishRun(std::uint64_t sequence, std::string_view body) {
  WorkerRun run;
  {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(sequence);
    if (found == runs_.end()) {
      return Lost(fmt::format("completed run {}, which it does not have", sequence));
    }
    run = std::move(found->second);
    runs_.erase(found);
  }
  absl::StatusOr<RunResult> result = ResultOf(run.info->signature, run.staged_outputs, std::move(run.outputs), body);
  if (absl::IsDataLoss(result.status())) {
    // It is lost with the others when the worker, which may write on, is gone.
    const std::lock_guard lock(mutex_);
    runs_.emplace(sequence, std::move(run));
    return Lost(Message(result.status()));
  }
  run.inputs.clear();
  run.staged_outputs.clear();
  run.done(std::move(result));
  return absl::OkStatus();
}

void WorkerSession::Finish(const std::optional<absl::Status>& reason) {
  bool broken = false;
  {
    const std::lock_guard lock(mutex_);
    broken = end_.has_value();
  }
  const bool ended = process_->Wait(reason || broken ? std::chrono::milliseconds(0) : kOwnEnd);
  process_->Kill();
  const WorkerProcess::End end = ended ? process_->Reap() : WorkerProcess::End{.how = "closed its connection"};
  std::unordered_map<std::uint64_t, WorkerRun> runs;
  bool report = false;
  absl::Status why;
  {
    const std::lock_guard lock(mutex_);
    if (!end_) {
      end_ = reason.value_or(Lost(end.how, end.kind));
    }
    why = *end_;
    report = std::exchange(report_, false);
    runs.swap(runs_);
  }
  if (report) {
    on_lost_(why);
  }
  {
    const std::lock_guard lock(mutex_);
    told_ = true;
    changed_.notify_all();
  }
  for (auto& [sequence, run] : runs) {
    run.done(why);
  }
  const std::string last = ended ? end.how : process_->Reap().how;
  output_.Read(process_->output());
  output_.Finish();
  Log(level_, component_, fmt::format("process {} {}", process_->pid(), last));
  runs.clear();  // Only now nobody writes to their outputs any more.
  MarkReaped();
}

void WorkerSession::MarkReaped() {
  const std::lock_guard lock(mutex_);
  told_ = true;
  reaped_ = true;
  changed_.notify_all();
}

absl::Status WorkerSession::Lost(std::string_view what, LossKind kind) const {
  return WithLossKind(absl::UnavailableError(fmt::format("the worker of {} (process {}) {}", device_,
                                                         process_ ? process_->pid() : 0, what)),
                      kind);
}

}  // namespace accelerd
