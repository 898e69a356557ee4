#ifndef ACCELERD_IMAGE_OPENCV_H_
#define ACCELERD_IMAGE_OPENCV_H_

#include <cstdint>

#include "opencv2/imgproc.hpp"

namespace accelerd {

/// To be called before OpenCV is: keeps it from starting threads of its own, which would fight with the callers' for
/// the processor.
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
