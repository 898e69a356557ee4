#include "backend/openvino/signature.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include "backend/check_tensors.h"
#include "backend/openvino/tensors.h"
#include "fmt/core.h"
#include "openvino/core/layout.hpp"

namespace accelerd::openvino {
namespace {

/// "[N,C,H,W]" as "NCHW"; empty unless each dimension has one letter.
std::string LayoutLetters(const ov::Layout& layout, std::size_t rank) {
  std::string letters;
  for (const char c : layout.to_string()) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      letters += c;
    }
  }
  const std::size_t written_out = 2 * rank + 1;  // Brackets, letters, commas.
  return letters.size() == rank && layout.to_string().size() == written_out ? letters : std::string();
}

std::string NodeName(const ov::Output<const ov::Node>& value) {
  const ov::Node* node = value.get_node();
  return node->get_output_size() == 1 ? node->get_friendly_name()
                                      : fmt::format("{}.{}", node->get_friendly_name(), value.get_index());
}

/// Of a parameter, or of what a result passes on.
std::string NameOf(const ov::Output<const ov::Node>& port) {
  if (!port.get_names().empty()) {
    return port.get_any_name();
  }
  const ov::Node* node = port.get_node();
  return node->get_input_size() == 1 ? NodeName(node->input_value(0)) : NodeName(port);
}

absl::StatusOr<TensorSpec> ReadSpec(const ov::Output<const ov::Node>& port) {
  TensorSpec spec;
  spec.name = NameOf(port);
  const ov::PartialShape& shape = port.get_partial_shape();
  if (shape.rank().is_dynamic()) {
    return absl::InvalidArgumentError(fmt::format("tensor \"{}\" has no fixed number of dimensions", spec.name));
  }
  for (const ov::Dimension& size : shape) {
    spec.shape.push_back(size.is_static() ? size.get_length() : -1);
  }
  absl::StatusOr<ElementType> type = FromOpenvino(port.get_element_type());
  if (!type.ok()) {
    return Annotate(type.status(), fmt::format("tensor \"{}\"", spec.name));
  }
  spec.element_type = *type;
  spec.layout = LayoutLetters(ov::layout::get_layout(port), spec.shape.size());
  if (IsStatic(spec.shape) && ByteSize(spec.element_type, spec.shape).value_or(kMaxTensorBytes + 1) > kMaxTensorBytes) {
    return absl::InvalidArgumentError(fmt::format("tensor \"{}\", {} {}, is larger than the limit of {} bytes",
                                                  spec.name, ElementName(spec.element_type), ShapeToString(spec.shape),
                                                  kMaxTensorBytes));
  }
  return spec;
}

}  // namespace

absl::StatusOr<Signature> ReadSignature(const ov::Model& model) {
  Signature signature;
  for (const ov::Output<const ov::Node>& port : model.inputs()) {
    ACCELERD_ASSIGN_OR_RETURN(TensorSpec spec, ReadSpec(port));
    signature.inputs.push_back(std::move(spec));
  }
  for (const ov::Output<const ov::Node>& port : model.outputs()) {
    ACCELERD_ASSIGN_OR_RETURN(TensorSpec spec, ReadSpec(port));
    signature.outputs.push_back(std::move(spec));
  }
  if (signature.inputs.empty() || signature.outputs.empty()) {
    return absl::InvalidArgumentError(fmt::format("a model with {} inputs and {} outputs computes nothing",
                                                  signature.inputs.size(), signature.outputs.size()));
  }
  return signature;
}

}  // namespace accelerd::openvino
