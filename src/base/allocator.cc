#include "base/allocator.h"

#include <malloc.h>

namespace accelerd {

void KeepFreedMemory() {
#ifdef __GLIBC__
  constexpr int kKept = 16 << 20;
  constexpr int kMapped = 8 << 20;
  // NOLINTBEGIN(concurrency-mt-unsafe): before there are other threads.
  mallopt(M_TRIM_THRESHOLD, kKept);
  mallopt(M_MMAP_THRESHOLD, kMapped);
  // NOLINTEND(concurrency-mt-unsafe)
#endif
}

}  // namespace accelerd
