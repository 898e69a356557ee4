#include "backend/simulated/crash.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

#include "backend/test_directory.h"
#include "base/file.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

constexpr std::size_t kBytes = 8192;

std::string NewFile(const TestDirectory& directory, const std::string& name) {
  std::ofstream(directory / name) << std::string(kBytes, 'x');
  return directory / name;
}

void* MapShared(const std::string& path, int protection) {
  const UniqueFd file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  return mmap(nullptr, kBytes, protection, MAP_SHARED, file.get(), 0);
}

/// How a child process that calls `function` ends.
int SignalOfChild(void (*function)()) {
  const pid_t child = fork();
  if (child == 0) {
    function();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(Crash, IsASegmentationFault) {
  EXPECT_EQ(SignalOfChild([] { CrashProcess(); }), SIGSEGV);
}

TEST(Crash, ScribblesOverWhatIsWritableAndNothingElse) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers' own memory is too large to overwrite";
#endif
  const TestDirectory directory;
  const std::string writable = NewFile(directory, "writable");
  const std::string read_only = NewFile(directory, "read_only");
  void* const writable_memory = MapShared(writable, PROT_READ | PROT_WRITE);
  void* const read_only_memory = MapShared(read_only, PROT_READ);
  ASSERT_NE(writable_memory, MAP_FAILED);
  ASSERT_NE(read_only_memory, MAP_FAILED);
  // Only pages in use are overwritten.
  EXPECT_EQ(*static_cast<volatile char*>(writable_memory), 'x');
  EXPECT_EQ(*static_cast<volatile char*>(read_only_memory), 'x');
  EXPECT_NE(SignalOfChild([] { ScribbleAndCrashProcess(); }), 0);
  const std::string scribbled = *ReadFile(writable, kBytes);
  EXPECT_EQ(std::ranges::count(scribbled, 'x'), 0);
  EXPECT_EQ(*ReadFile(read_only, kBytes), std::string(kBytes, 'x'));
  munmap(writable_memory, kBytes);
  munmap(read_only_memory, kBytes);
}

}  // namespace
}  // namespace accelerd
