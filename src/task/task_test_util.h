#ifndef ACCELERD_TASK_TASK_TEST_UTIL_H_
#define ACCELERD_TASK_TASK_TEST_UTIL_H_

#include <algorithm>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "model/model_info.h"

namespace accelerd {

/// A tensor of these values.
template <typename T>
Tensor MakeTensor(ElementType type, const Shape& shape, const std::vector<T>& values) {
  Tensor tensor = Tensor::Allocate(type, shape).value();
  std::copy(values.begin(), values.end(), tensor.elements<T>().begin());
  return tensor;
}

/// A model of one output "out".
inline ModelInfo OneOutput(ElementType type, const Shape& shape, OutputFacts facts = {},
                           const std::string& layout = "") {
  ModelInfo info;
  info.signature.outputs.push_back({"out", type, shape, layout});
  info.outputs.push_back(facts);
  return info;
}

}  // namespace accelerd

#endif  // ACCELERD_TASK_TASK_TEST_UTIL_H_
