#ifndef ACCELERD_TASK_RESULT_H_
#define ACCELERD_TASK_RESULT_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/tensor.h"
#include "image/image.h"

namespace accelerd {

/// One class of a classification.
struct ClassScore {
  int index = 0;
  float probability = 0.0F;  ///< 0..1.
  std::string label;         ///< Empty when the model has no label for it.
};

/// Best first; equal ones by index.
struct Classes {
  std::vector<ClassScore> classes;
};

/// One object. Corners are normalised to the original image: 0..1 from left to right, top to bottom; a model may answer
/// a little beyond.
struct Box {
  int index = 0;       ///< The class.
  float score = 0.0F;  ///< 0..1.
  float left = 0.0F;
  float top = 0.0F;
  float right = 0.0F;
  float bottom = 0.0F;
  std::string label;  ///< Of the class; may be empty.
};

/// Best first.
struct Boxes {
  int rows = 0;  ///< Size of the original image, pixels.
  int cols = 0;
  std::vector<Box> boxes;
};

/// The class of each pixel of the original image, row-major.
struct Mask {
  int rows = 0;
  int cols = 0;
  std::vector<std::int32_t> classes;
};

/// What a task answers. A Tensor is one output without its batch dimension (the first item of the batch).
using TaskResult = std::variant<Tensor, Classes, Boxes, Mask>;

}  // namespace accelerd

#endif  // ACCELERD_TASK_RESULT_H_
