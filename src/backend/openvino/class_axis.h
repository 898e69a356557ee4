#ifndef ACCELERD_BACKEND_OPENVINO_CLASS_AXIS_H_
#define ACCELERD_BACKEND_OPENVINO_CLASS_AXIS_H_

#include "openvino/core/node.hpp"

namespace accelerd::openvino {

/// Where the classes, or channels, of a value are.
struct ClassAxis {
  int dimension = -1;  ///< -1: the graph does not say.
  bool mixed = false;  ///< The value is concatenated from parts along this dimension.
};

/// Finds the dimension of `value` that holds the classes.
///
/// Walks back through operations that keep the number of dimensions, following their transpositions, to one that says
/// which dimension the channels are: a convolution or pooling (always the second one in OpenVINO), a softmax or a
/// one-hot encoding (along their axis). Where none is reached, an interpolation of two dimensions of four leaves the
/// third one.
ClassAxis FindClassAxis(ov::Output<ov::Node> value);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_CLASS_AXIS_H_
