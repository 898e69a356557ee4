#include "image/webp_memory.h"

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace accelerd {
namespace {

struct Account {
  bool active = false;
  bool exceeded = false;
  std::size_t bound = 0;
  std::size_t used = 0;

  /// Returns false if `count` elements of `size` bytes are too many for the bound or for any machine.
  bool Admits(std::uint64_t count, std::size_t size) {
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX) {
      return false;
    }
    if (active && bytes > bound - std::min(used, bound)) {
      exceeded = true;
      return false;
    }
    return true;
  }
  void Add(void* memory) { used += active && memory != nullptr ? malloc_usable_size(memory) : 0; }
  void Remove(void* memory) {
    if (active && memory != nullptr) {
      used -= std::min(used, malloc_usable_size(memory));
    }
  }
};

thread_local Account account;

}  // namespace

WebpMemoryBound::WebpMemoryBound(std::size_t bytes) {
  account = {.active = true, .exceeded = false, .bound = bytes, .used = 0};
}

WebpMemoryBound::~WebpMemoryBound() {
  account = {};
}

bool WebpMemoryBound::exceeded() const {
  return account.exceeded;
}

}  // namespace accelerd

// Replacements for functions of libwebp, which calls them through its symbol table. The names and types are libwebp's.
// NOLINTBEGIN(readability-identifier-naming, cppcoreguidelines-no-malloc)
extern "C" {

__attribute__((visibility("default"))) void* WebPSafeMalloc(std::uint64_t count, std::size_t size) {
  if (!accelerd::account.Admits(count, size)) {
    return nullptr;
  }
  void* memory = std::malloc(static_cast<std::size_t>(count) * size);
  accelerd::account.Add(memory);
  return memory;
}

__attribute__((visibility("default"))) void* WebPSafeCalloc(std::uint64_t count, std::size_t size) {
  if (!accelerd::account.Admits(count, size)) {
    return nullptr;
  }
  void* memory = std::calloc(static_cast<std::size_t>(count), size);
  accelerd::account.Add(memory);
  return memory;
}

__attribute__((visibility("default"))) void WebPSafeFree(void* memory) {
  accelerd::account.Remove(memory);
  std::free(memory);
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming, cppcoreguidelines-no-malloc)
