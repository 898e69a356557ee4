#include "backend/openvino/onnx_external_data.h"

#include "backend/openvino/test_onnx.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd::openvino {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string ModelWith(const std::string& tensor) {
  return Number(1, 8) + Bytes(7, Bytes(5, tensor));
}

TEST(OnnxExternalData, None) {
  EXPECT_THAT(*OnnxExternalData(""), IsEmpty());
  EXPECT_THAT(*OnnxExternalData(ModelWith(Bytes(9, "raw"))), IsEmpty());
  // A location counts only when the tensor says that its data is external.
  EXPECT_THAT(*OnnxExternalData(ModelWith(Bytes(13, Bytes(1, "location") + Bytes(2, "unused")))), IsEmpty());
}

TEST(OnnxExternalData, WhereverATensorCanBe) {
  const std::string node_with_tensor = Bytes(5, Bytes(5, ExternalTensor("constant.bin")));
  const std::string nested = Bytes(5, Bytes(6, Bytes(5, ExternalTensor("nested/branch.bin"))));
  const std::string tensors = Bytes(5, Bytes(10, ExternalTensor("list.bin")));
  const std::string graph = Bytes(1, node_with_tensor) + Bytes(1, nested) + Bytes(1, tensors) +
                            Bytes(5, ExternalTensor("./weights.bin")) + Bytes(5, ExternalTensor("weights.bin")) +
                            Bytes(15, Bytes(1, ExternalTensor("values.bin")) + Bytes(2, ExternalTensor("indices.bin")));
  const std::string function = Bytes(7, Bytes(5, Bytes(5, ExternalTensor("function.bin"))));
  EXPECT_THAT(*OnnxExternalData(Bytes(7, graph) + Bytes(25, function)),
              ElementsAre("constant.bin", "function.bin", "indices.bin", "list.bin", "nested/branch.bin", "values.bin",
                          "weights.bin"));
}

TEST(OnnxExternalData, StaysBeneathTheFolder) {
  for (const char* location : {"/etc/passwd", "../up.bin", "a/../../up.bin", "", ".."}) {
    EXPECT_EQ(OnnxExternalData(ModelWith(ExternalTensor(location))).status().code(), absl::StatusCode::kInvalidArgument)
        << location;
  }
}

TEST(OnnxExternalData, RefusesWhatIsBroken) {
  const std::string whole = ModelWith(ExternalTensor("w.bin"));
  for (std::size_t length = 3; length < whole.size(); ++length) {
    EXPECT_FALSE(OnnxExternalData(whole.substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(OnnxExternalData(std::string(20, '\xff')).ok());
  EXPECT_FALSE(OnnxExternalData("\x3b").ok());  // A group.
}

TEST(OnnxExternalData, BoundsTheDepth) {
  std::string graph = Bytes(5, ExternalTensor("deep.bin"));
  for (int i = 0; i < 20; ++i) {
    graph = Bytes(1, Bytes(5, Bytes(6, graph)));
  }
  EXPECT_THAT(*OnnxExternalData(Bytes(7, graph)), ElementsAre("deep.bin"));
  for (int i = 0; i < 20; ++i) {
    graph = Bytes(1, Bytes(5, Bytes(6, graph)));
  }
  EXPECT_THAT(Message(OnnxExternalData(Bytes(7, graph)).status()), HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace accelerd::openvino
