#ifndef ACCELERD_IMAGE_IMAGE_H_
#define ACCELERD_IMAGE_IMAGE_H_

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace accelerd {

/// Makes `std::vector::resize` leave new elements uninitialised: a decoder writes every byte, and zeroing megabytes
/// first costs as much as copying them.
template <typename T>
struct UninitializedAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {  // NOLINT(readability-identifier-naming): the name that containers look for.
    using other = UninitializedAllocator<U>;
  };

  template <typename U>
  void construct(U* place) noexcept {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* place, Arguments&&... arguments) {
    ::new (static_cast<void*>(place)) U(std::forward<Arguments>(arguments)...);
  }
};

/// Bytes that `resize` does not zero.
using Pixels = std::vector<std::uint8_t, UninitializedAllocator<std::uint8_t>>;

/// A decoded image: 8-bit BGR, interleaved, rows top to bottom without padding.
struct Image {
  int rows = 0;
  int cols = 0;
  Pixels pixels;  ///< rows * cols * 3.
  /// If not empty, the file was damaged: says how. The picture is what could be decoded.
  std::string warning = {};
  /// Holds the decoder's reservation of memory; see DecodeOptions::memory. May be null.
  std::shared_ptr<const void> memory = nullptr;
};

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_IMAGE_H_
