#ifndef ACCELERD_BACKEND_OPENVINO_TEST_ONNX_H_
#define ACCELERD_BACKEND_OPENVINO_TEST_ONNX_H_

/// \file
/// Just enough of protobuf's wire format to write ONNX models in tests.

#include <cstdint>
#include <string>

namespace accelerd::openvino {

inline std::string Varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7U) {
    bytes += static_cast<char>(value | 0x80U);
  }
  return bytes + static_cast<char>(value);
}

/// An integer field.
inline std::string Number(std::uint64_t field, std::uint64_t value) {
  return Varint(field << 3U) + Varint(value);
}

/// A string or message field.
inline std::string Bytes(std::uint64_t field, const std::string& bytes) {
  return Varint(field << 3U | 2U) + Varint(bytes.size()) + bytes;
}

/// A TensorProto without type and shape whose data lies in a file.
inline std::string ExternalTensor(const std::string& location) {
  return Bytes(8, "w") + Bytes(13, Bytes(1, "offset") + Bytes(2, "0")) +
         Bytes(13, Bytes(1, "location") + Bytes(2, location)) + Number(14, 1);
}

/// A model y = x + w, f32 [1,4], whose w is the 16 bytes of the file `location`.
inline std::string OnnxAddModel(const std::string& location) {
  const auto value = [](const std::string& name) {
    const std::string shape = Bytes(1, Number(1, 1)) + Bytes(1, Number(1, 4));
    return Bytes(1, name) + Bytes(2, Bytes(1, Number(1, 1) + Bytes(2, shape)));
  };
  const std::string node = Bytes(1, "x") + Bytes(1, "w") + Bytes(2, "y") + Bytes(4, "Add");
  const std::string weights = Number(1, 1) + Number(1, 4) + Number(2, 1) + ExternalTensor(location);
  const std::string graph =
      Bytes(1, node) + Bytes(2, "graph") + Bytes(5, weights) + Bytes(11, value("x")) + Bytes(12, value("y"));
  return Number(1, 8) + Bytes(7, graph) + Bytes(8, Bytes(1, "") + Number(2, 13));
}

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_TEST_ONNX_H_
