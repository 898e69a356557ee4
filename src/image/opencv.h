#ifndef ACCELERD_IMAGE_OPENCV_H_
#define ACCELERD_IMAGE_OPENCV_H_

#include <cstdint>
#include <new>
#include <utility>

#include "opencv2/imgproc.hpp"

namespace accelerd {

/// Calls `work`, which uses OpenCV. OpenCV reports a lack of memory by an exception of its own; this becomes
/// std::bad_alloc, as everywhere else.
template <typename F>
auto CallOpenCv(F&& work) {
  try {
    return std::forward<F>(work)();
  } catch (const cv::Exception& error) {
    if (error.code == cv::Error::StsNoMem) {
      throw std::bad_alloc();
    }
    throw;
  }
}

/// Keeps OpenCV from starting threads of its own, which would compete with the callers' threads. Must be called before
/// OpenCV is used.
inline void UseCallingThreadAlone() {
  [[maybe_unused]] static const bool once = [] {
    cv::setNumThreads(1);
    return true;
  }();
}

/// A view of dense elements for use as a source, which OpenCV does not write to though its views take no const pointer.
template <typename T>
cv::Mat SourceView(const T* data, int rows, int cols, int type) {
  return {rows, cols, type, const_cast<T*>(data)};
}

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_OPENCV_H_
