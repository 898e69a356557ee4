#include "backend/isolated/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <fstream>
#include <thread>

#include "fmt/core.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

constexpr std::chrono::minutes kForEver(2);

class WorkerProcessTest : public testing::Test {
 protected:
  WorkerProcessTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = UniqueFd(ends[0]);
    theirs_ = UniqueFd(ends[1]);
  }

  absl::StatusOr<std::unique_ptr<WorkerProcess>> Spawn(const std::vector<std::string>& command,
                                                       const std::vector<int>& inherit = {}) {
    return WorkerProcess::Spawn(command, theirs_.get(), inherit);
  }

  /// All that it writes until its end.
  static std::string OutputOf(const WorkerProcess& process) {
    std::string text;
    for (;;) {
      pollfd readable{process.output(), POLLIN, 0};
      std::array<char, 1000> bytes{};
      if (poll(&readable, 1, std::chrono::milliseconds(kForEver).count()) <= 0) {
        return "no output";
      }
      const ssize_t count = read(process.output(), bytes.data(), bytes.size());
      if (count <= 0) {
        return text;
      }
      text.append(bytes.data(), static_cast<std::size_t>(count));
    }
  }

  UniqueFd ours_;
  UniqueFd theirs_;
};

TEST_F(WorkerProcessTest, SaysHowItEnded) {
  const auto exited = Spawn({"sh", "-c", "exit 3"}).value();
  EXPECT_TRUE(exited->Wait(kForEver));
  EXPECT_EQ(exited->Reap().how, "ended with exit status 3");
  const auto killed = Spawn({"sleep", "1000"}).value();
  EXPECT_FALSE(killed->Wait(std::chrono::milliseconds(1)));
  killed->Kill();
  EXPECT_EQ(killed->Reap().how, "was killed by signal 9 (Killed)");
  EXPECT_FALSE(std::ifstream(fmt::format("/proc/{}/stat", killed->pid())).good());
}

TEST_F(WorkerProcessTest, SaysThatItCannotBeRun) {
  const absl::Status status = Spawn({"/nowhere/worker"}).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(status.ToString(), HasSubstr("/nowhere/worker: No such file or directory"));
}

TEST_F(WorkerProcessTest, GetsItsDescriptorsAndNoOther) {
  const UniqueFd inherited(open("/dev/zero", O_RDONLY));  // Not to be closed on exec: leaks, unless care is taken.
  const UniqueFd high(fcntl(inherited.get(), F_DUPFD, 100));
  const auto process =
      Spawn(
          {"sh", "-c",
           "for i in 0 1 2 3 4 5 6 7 8 9 100 101; do test -e /proc/$$/fd/$i && echo $i; done; readlink /proc/$$/fd/4"},
          {high.get()})
          .value();
  EXPECT_EQ(OutputOf(*process), "0\n1\n2\n3\n4\n/dev/zero\n");
  process->Reap();
}

TEST_F(WorkerProcessTest, StartsWithCleanSignals) {
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  std::signal(SIGPIPE, SIG_IGN);
  const auto process = Spawn({"grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"}).value();
  std::signal(SIGPIPE, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // SIGHUP 1, SIGINT 2, SIGQUIT 3, SIGUSR1 10, SIGUSR2 12, SIGTERM 15: bit N - 1 each.
  EXPECT_EQ(OutputOf(*process), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000004a07\n");
  process->Reap();
}

TEST_F(WorkerProcessTest, DiesWithTheThreadThatStartedIt) {
  std::unique_ptr<WorkerProcess> process;
  std::thread([&] { process = Spawn({"sleep", "1000"}).value(); }).join();
  EXPECT_TRUE(process->Wait(kForEver));
  EXPECT_EQ(process->Reap().how, "was killed by signal 9 (Killed)");
}

}  // namespace
}  // namespace accelerd
