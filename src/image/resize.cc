#include "image/resize.h"

#include <cstddef>

#include "image/opencv.h"

namespace accelerd {
Image ResizeBilinear(const Image& image, int rows, int cols) {
  if (image.rows == rows && image.cols == cols) {
    return image;
  }
  UseCallingThreadAlone();
  Image result;
  result.rows = rows;
  result.cols = cols;
  result.pixels.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols) * 3);
  cv::Mat target(rows, cols, CV_8UC3, result.pixels.data());
  CallOpenCv([&] {
    cv::resize(SourceView(image.pixels.data(), image.rows, image.cols, CV_8UC3), target, target.size(), 0, 0,
               cv::INTER_LINEAR);
  });
  return result;
}

std::vector<std::int32_t> ResizeNearest(std::vector<std::int32_t> map, int from_rows, int from_cols, int rows,
                                        int cols) {
  if (from_rows == rows && from_cols == cols) {
    return map;
  }
  UseCallingThreadAlone();
  std::vector<std::int32_t> result(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  cv::Mat target(rows, cols, CV_32SC1, result.data());
  CallOpenCv([&] {
    cv::resize(SourceView(map.data(), from_rows, from_cols, CV_32SC1), target, target.size(), 0, 0, cv::INTER_NEAREST);
  });
  return result;
}

}  // namespace accelerd
