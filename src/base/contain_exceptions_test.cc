#include "base/contain_exceptions.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <list>
#include <new>
#include <stdexcept>
#include <string>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(ContainExceptionsTest, EndsTheWorkAlone) {
  EXPECT_TRUE(ContainExceptions("test", [] {}));
  EXPECT_FALSE(ContainExceptions("test", [] { throw std::runtime_error("what a library throws"); }));
  EXPECT_FALSE(ContainExceptions("test", [] { throw std::bad_alloc(); }));
}

TEST(ContainExceptionsTest, LargeAllocationsStillFail) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers end a process that asks for so much";
#endif
  KeepMemoryReserve();
  const auto allocate = [] { return std::string(std::numeric_limits<std::ptrdiff_t>::max() / 2, 'x').size(); };
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(allocate(), std::bad_alloc);
    RefillMemoryReserve();
  }
}

/// Allows no more address space than there is, then makes small allocations.
[[noreturn]] void AllocateWithoutMemory() {
  KeepMemoryReserve();
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlimit limit = {.rlim_cur = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), .rlim_max = RLIM_INFINITY};
  setrlimit(RLIMIT_AS, &limit);
  constexpr std::size_t kPieceBytes = 100'000;
  std::list<std::string> pieces;
  for (int i = 0; i < 40; ++i) {
    pieces.emplace_back(kPieceBytes, 'x');
  }
  std::_Exit(pieces.back().size() == kPieceBytes ? 0 : 1);
}

TEST(ContainExceptionsTest, TheReserveIsThereForSmallOnes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need address space without a limit";
#endif
  EXPECT_EXIT(AllocateWithoutMemory(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace accelerd
