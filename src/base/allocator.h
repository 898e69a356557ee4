#ifndef ACCELERD_BASE_ALLOCATOR_H_
#define ACCELERD_BASE_ALLOCATOR_H_

namespace accelerd {

/// Has the C library keep the memory of images that were freed for the next ones, up to 16 MiB a thread. By default it
/// gives it back to the kernel after almost every image, and each page of the next one costs a fault. Buffers of 8 MiB
/// and more are still given back at once. Call it at the process's start; does nothing with another C library than
/// glibc.
void KeepFreedMemory();

}  // namespace accelerd

#endif  // ACCELERD_BASE_ALLOCATOR_H_
