#ifndef ACCELERD_IMAGE_WEBP_MEMORY_H_
#define ACCELERD_IMAGE_WEBP_MEMORY_H_

#include <cstddef>

namespace accelerd {

/// Bounds what libwebp allocates on this thread while the object lives. Beyond the bound libwebp reports
/// VP8_STATUS_OUT_OF_MEMORY.
///
/// The tables of a lossless file may need several hundred megabytes for one megapixel, and how much they need stands
/// deep in its compressed data. libwebp has no option for a bound, but allocates through functions that it exports;
/// this object's file defines them in their place. At most one object a thread.
class WebpMemoryBound {
 public:
  explicit WebpMemoryBound(std::size_t bytes);
  ~WebpMemoryBound();
  WebpMemoryBound(const WebpMemoryBound&) = delete;
  WebpMemoryBound& operator=(const WebpMemoryBound&) = delete;

  /// Returns true if an allocation was refused because of the bound.
  bool exceeded() const;
};

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_WEBP_MEMORY_H_
