#include "backend/simulated/crash.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>

#include "base/unique_fd.h"

namespace accelerd {
namespace {

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

struct Mappings {
  std::array<Mapping, 4096> list;
  std::size_t count = 0;

  void Add(Mapping mapping) {
    if (count < list.size()) {
      list[count++] = mapping;
    }
  }
};

/// Larger ones are address space that a sanitizer reserves.
constexpr std::uintptr_t kMaxMapping = std::uintptr_t{64} << 30;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// What the process may write, except the mapping of `stack`: shared memory, or private memory.
void Collect(Mappings& mappings, bool shared, std::uintptr_t stack) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen("/proc/self/maps", "re"));
  char line[512];
  while (file != nullptr && std::fgets(line, sizeof line, file.get()) != nullptr) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char permissions[5] = {};
    if (std::sscanf(line, "%lx-%lx %4s", &begin, &end, permissions) != 3 || permissions[1] != 'w') {
      continue;
    }
    const bool is_stack = begin <= stack && stack < end;
    if ((permissions[3] == 's') == shared && !is_stack && end - begin <= kMaxMapping) {
      mappings.Add({begin, end});
    }
  }
}

/// From here on no library is called: its data may be gone. `resident` is on the stack, which is spared.
#if defined(__clang__) || defined(__GNUC__)
__attribute__((no_sanitize("address", "thread", "undefined")))
#endif
void Scribble(const Mapping& mapping, std::uintptr_t page, std::array<unsigned char, 256>& resident) {
  constexpr std::uint64_t kRubbish = 0xDEADBEEFDEADBEEF;
  for (std::uintptr_t block = mapping.begin; block < mapping.end; block += page * resident.size()) {
    const std::uintptr_t pages = std::min<std::uintptr_t>((mapping.end - block) / page, resident.size());
    if (syscall(SYS_mincore, block, pages * page, resident.data()) != 0) {
      continue;
    }
    for (std::uintptr_t i = 0; i < pages; ++i) {
      if ((resident[i] & 1) == 0) {
        continue;
      }
      // NOLINTNEXTLINE(performance-no-int-to-ptr): addresses that nobody gave us are the point.
      auto* words = reinterpret_cast<volatile std::uint64_t*>(block + i * page);
      for (std::size_t word = 0; word < page / sizeof(std::uint64_t); ++word) {
        words[word] = kRubbish;
      }
    }
  }
}

}  // namespace

void CrashProcess() {
  // Also where a test or a sanitizer handles the signal, or this thread blocks it.
  std::signal(SIGSEGV, SIG_DFL);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGSEGV);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  std::raise(SIGSEGV);
  _exit(128 + SIGSEGV);
}

void ScribbleAndCrashProcess() {
  std::signal(SIGSEGV, SIG_DFL);
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  Mappings mappings;
  std::array<unsigned char, 256> resident{};
  const auto stack = reinterpret_cast<std::uintptr_t>(&mappings);
  Collect(mappings, true, stack);
  Collect(mappings, false, stack);
  for (std::size_t i = 0; i < mappings.count; ++i) {
    Scribble(mappings.list[i], page, resident);
  }
  CrashProcess();
}

}  // namespace accelerd
