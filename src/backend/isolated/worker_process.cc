#include "backend/isolated/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>

#include "backend/isolated/messages.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// What the child needs between fork and exec, where it may not allocate.
struct ChildSetup {
  const char* program = nullptr;
  std::vector<char*> arguments;  ///< Ends with nullptr.
  std::vector<int> descriptors;  ///< Become kWorkerSocket and those after it.
  int input = -1;                ///< Standard input.
  int output = -1;               ///< Standard output and error.
  int failure = -1;              ///< Takes errno when the program cannot be run.
  pid_t parent = 0;
};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

absl::StatusOr<Pipe> CreatePipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return absl::ResourceExhaustedError(
        fmt::format("cannot create a pipe: {}", std::generic_category().message(errno)));
  }
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void ResetSignals() {
  for (int number = 1; number < NSIG; ++number) {
    std::signal(number, SIG_DFL);  // NOLINT(bugprone-unused-return-value): some cannot be set.
  }
  // The daemon decides what these mean, and ends its worker when the accepted work is done. Who sends them by the name
  // of the program, or closes the terminal, sends them to both.
  for (const int number : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2}) {
    std::signal(number, SIG_IGN);
  }
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

/// Gives the descriptors their numbers, and marks all others to be closed.
bool PlaceDescriptors(ChildSetup& setup) {
  // First out of the way of each other.
  const int above = kWorkerSocket + static_cast<int>(setup.descriptors.size());
  for (int* descriptor : {&setup.input, &setup.output, &setup.failure}) {
    *descriptor = fcntl(*descriptor, F_DUPFD_CLOEXEC, above);
  }
  for (int& descriptor : setup.descriptors) {
    descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, above);
  }
  bool placed = dup2(setup.input, STDIN_FILENO) >= 0 && dup2(setup.output, STDOUT_FILENO) >= 0 &&
                dup2(setup.output, STDERR_FILENO) >= 0;
  int next = kWorkerSocket;
  for (const int descriptor : setup.descriptors) {
    placed = placed && dup2(descriptor, next++) >= 0;
  }
  // Where the kernel is too old for it, ours are closed on exec anyway.
  close_range(static_cast<unsigned>(above), ~0U, CLOSE_RANGE_CLOEXEC);
  return placed;
}

/// The child's side of fork: calls nothing that is not safe there.
[[noreturn]] void RunChild(ChildSetup& setup) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != setup.parent) {
    _exit(1);  // It died before it was watched.
  }
  setpgid(0, 0);
  ResetSignals();
  if (PlaceDescriptors(setup)) {
    execvp(setup.program, setup.arguments.data());
  }
  const int error = errno;
  static_cast<void>(!write(setup.failure, &error, sizeof(error)));
  _exit(127);
}

/// Why the program could not be run; 0 when it runs.
int ReadFailure(int descriptor) {
  int error = 0;
  ssize_t bytes = 0;
  do {
    bytes = read(descriptor, &error, sizeof(error));
  } while (bytes < 0 && errno == EINTR);
  return bytes == sizeof(error) ? error : 0;
}

absl::Status CannotRun(std::string_view program, int error) {
  return absl::UnavailableError(
      fmt::format("cannot run the worker {}: {}", program, std::generic_category().message(error)));
}

}  // namespace

UniqueFd OpenProcess(pid_t process) {
  // Debian 12's <sys/pidfd.h> cannot be used from C++.
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
}

absl::StatusOr<std::unique_ptr<EndOfChild>> EndOfChild::Watch(pid_t child) {
  std::unique_ptr<EndOfChild> watch(new EndOfChild());
  watch->descriptor_ = OpenProcess(child);
  if (watch->descriptor_.valid()) {
    return watch;
  }
  // Kernels before Linux 5.3 have no pidfd_open, and some sandboxes forbid it.
  watch->descriptor_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!watch->descriptor_.valid()) {
    return absl::ResourceExhaustedError(
        fmt::format("cannot watch a process: {}", std::generic_category().message(errno)));
  }
  try {
    watch->thread_ = std::thread([child, event = watch->descriptor_.get()] {
      siginfo_t information{};
      while (waitid(P_PID, static_cast<id_t>(child), &information, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
      }
      const std::uint64_t one = 1;
      static_cast<void>(!write(event, &one, sizeof(one)));
    });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(fmt::format("cannot watch a process: {}", error.what()));
  }
  return watch;
}

void EndOfChild::Finish() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Spawn(const std::vector<std::string>& command, int socket,
                                                                    std::span<const int> inherit) {
  std::vector<std::string> arguments = command.empty() ? std::vector<std::string>{"accelerd", "worker"} : command;
  const std::string program = command.empty() ? "/proc/self/exe" : command.front();
  ACCELERD_ASSIGN_OR_RETURN(Pipe output, CreatePipe());
  ACCELERD_ASSIGN_OR_RETURN(Pipe failure, CreatePipe());
  const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  ChildSetup setup;
  setup.program = program.c_str();
  std::ranges::transform(arguments, std::back_inserter(setup.arguments), [](std::string& text) { return text.data(); });
  setup.arguments.push_back(nullptr);
  setup.descriptors = {socket};
  setup.descriptors.insert(setup.descriptors.end(), inherit.begin(), inherit.end());
  setup.input = null.get();
  setup.output = output.write.get();
  setup.failure = failure.write.get();
  setup.parent = getpid();

  const pid_t pid = fork();
  if (pid == 0) {
    RunChild(setup);
  }
  if (pid < 0) {
    return CannotRun(program, errno);
  }
  failure.write = UniqueFd();
  fcntl(output.read.get(), F_SETFL, O_NONBLOCK);
  absl::StatusOr<std::unique_ptr<EndOfChild>> end = EndOfChild::Watch(pid);
  const int error = ReadFailure(failure.read.get());
  if (error != 0 || !end.ok()) {
    kill(pid, SIGKILL);
    if (end.ok()) {
      (*end)->Finish();
    }
    waitpid(pid, nullptr, 0);
    return error != 0 ? CannotRun(program, error) : end.status();
  }
  return std::unique_ptr<WorkerProcess>(new WorkerProcess(pid, *std::move(end), std::move(output.read)));
}

WorkerProcess::WorkerProcess(pid_t pid, std::unique_ptr<EndOfChild> end, UniqueFd output)
    : pid_(pid), end_(std::move(end)), output_(std::move(output)) {}

void WorkerProcess::Kill() {
  // The number may be that of another process once this one was reaped.
  const std::lock_guard lock(mutex_);
  if (!reaped_) {
    kill(pid_, SIGKILL);
  }
}

bool WorkerProcess::Wait(Duration bound) const {
  const Time deadline = Clock::Steady().Now() + bound;
  pollfd ended{descriptor(), POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::Steady().Now());
    const int result = poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (result >= 0 || errno != EINTR) {
      return result > 0;
    }
  }
}

WorkerProcess::End WorkerProcess::Reap() {
  siginfo_t information{};
  // First without reaping it: that would give its number to others while Kill may use it.
  while (waitid(P_PID, static_cast<id_t>(pid_), &information, WEXITED | WNOWAIT) != 0) {
    if (errno != EINTR) {
      return {.how = "ended"};  // Somebody else reaped it.
    }
  }
  end_->Finish();
  {
    const std::lock_guard lock(mutex_);
    reaped_ = true;
    waitid(P_PID, static_cast<id_t>(pid_), &information, WEXITED);
  }
  if (information.si_code == CLD_EXITED) {
    return {.how = fmt::format("ended with exit status {}", information.si_status)};
  }
  const int signal = information.si_status;
  const char* description = sigdescr_np(signal);
  return {.how = fmt::format("was killed by signal {} ({})", signal, description != nullptr ? description : "unknown"),
          .kind = signal == SIGKILL || signal == SIGTERM ? LossKind::kKilled : LossKind::kCrash};
}

}  // namespace accelerd
