#include "backend/openvino/onnx_external_data.h"

#include <algorithm>
#include <array>
#include <vector>

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

/// What is read to make `model` independent of files, sorted.
absl::StatusOr<std::vector<std::string>> Locations(const std::string& model) {
  static constexpr std::array<std::byte, 4> kData{};
  std::vector<std::string> locations;
  const auto placed = PlaceExternalData(model, [&](const std::string& location) {
    locations.push_back(location);
    return std::span<const std::byte>(kData);
  });
  std::ranges::sort(locations);
  return placed.ok() ? absl::StatusOr<std::vector<std::string>>(locations) : placed.status();
}

absl::StatusOr<std::optional<std::string>> Place(const std::string& model, const std::string& data) {
  return PlaceExternalData(model, [&](const std::string&) { return std::as_bytes(std::span(data)); });
}

std::string Entry(const std::string& key, const std::string& value) {
  return Bytes(13, Bytes(1, key) + Bytes(2, value));
}

TEST(OnnxExternalData, None) {
  EXPECT_THAT(*Locations(""), IsEmpty());
  EXPECT_THAT(*Locations(ModelWith(Bytes(9, "raw"))), IsEmpty());
  // A location counts only when the tensor says that its data is external.
  EXPECT_THAT(*Locations(ModelWith(Bytes(13, Bytes(1, "location") + Bytes(2, "unused")))), IsEmpty());
}

TEST(OnnxExternalData, WhereverATensorCanBe) {
  const std::string node_with_tensor = Bytes(5, Bytes(5, ExternalTensor("constant.bin")));
  const std::string nested = Bytes(5, Bytes(6, Bytes(5, ExternalTensor("nested/branch.bin"))));
  const std::string tensors = Bytes(5, Bytes(10, ExternalTensor("list.bin")));
  const std::string graph = Bytes(1, node_with_tensor) + Bytes(1, nested) + Bytes(1, tensors) +
                            Bytes(5, ExternalTensor("./weights.bin")) + Bytes(5, ExternalTensor("weights.bin")) +
                            Bytes(15, Bytes(1, ExternalTensor("values.bin")) + Bytes(2, ExternalTensor("indices.bin")));
  const std::string function = Bytes(7, Bytes(5, Bytes(5, ExternalTensor("function.bin"))));
  EXPECT_THAT(*Locations(Bytes(7, graph) + Bytes(25, function)),
              ElementsAre("constant.bin", "function.bin", "indices.bin", "list.bin", "nested/branch.bin", "values.bin",
                          "weights.bin"));
}

TEST(OnnxExternalData, LiesInMemoryAfterwards) {
  const std::string data = "0123456789";
  const auto at = [&](std::size_t offset) { return std::to_string(reinterpret_cast<std::uintptr_t>(&data[offset])); };
  const auto placed = [&](std::size_t offset, const std::string& length) {
    return ModelWith(Bytes(8, "w") + Bytes(9, "") + Entry("location", "*/_ORT_MEM_ADDR_/*") +
                     Entry("offset", at(offset)) + Entry("length", length) + Number(14, 1));
  };
  const auto model = [](const std::string& entries) {
    return ModelWith(Bytes(8, "w") + Entry("location", "w.bin") + entries + Number(14, 1) + Bytes(9, ""));
  };
  EXPECT_EQ(*Place(model(""), data), placed(0, "10"));
  EXPECT_EQ(*Place(model(Entry("offset", "4")), data), placed(4, "6"));
  EXPECT_EQ(*Place(model(Entry("offset", "4") + Entry("length", "3")), data), placed(4, "3"));
  EXPECT_EQ(*Place(model(Entry("offset", "10")), data), ModelWith(Bytes(8, "w") + Bytes(9, "")));
  for (const auto& [offset, length] :
       {std::pair("11", "0"), {"4", "7"}, {"1", "18446744073709551615"}, {"x", "1"}, {"-1", "1"}, {"0", "1x"}}) {
    EXPECT_EQ(Place(model(Entry("offset", offset) + Entry("length", length)), data).status().code(),
              absl::StatusCode::kInvalidArgument)
        << offset << " " << length;
  }
}

TEST(OnnxExternalData, TheRestOfTheModelStays) {
  const std::string before = Number(1, 8) + Bytes(2, "producer");
  const std::string graph = Bytes(2, "graph") + Bytes(5, Bytes(9, "raw"));
  const std::string after =
      Bytes(12, "output") + Varint(100U << 3U | 5U) + "abcd" + Varint(101U << 3U | 1U) + "abcdefgh";
  const std::string model = before + Bytes(7, graph + Bytes(5, ExternalTensor("w.bin")) + after) + Bytes(8, "opset");
  const std::string placed = **Place(model, "x");
  EXPECT_TRUE(placed.starts_with(before));
  EXPECT_TRUE(placed.ends_with(after + Bytes(8, "opset")));
  EXPECT_THAT(placed, HasSubstr(graph));
  EXPECT_EQ(*Place(before + Bytes(7, graph + after), "x"), std::nullopt);
}

TEST(OnnxExternalData, NoAddressIsTakenFromTheFile) {
  // Parsers that read such fields otherwise than we do must not find anything in them.
  const std::string address = Entry("location", "*/_ORT_MEM_ADDR_/*") + Entry("offset", "4096") + Entry("length", "8");
  for (const std::string& location : {Number(14, 0), Number(14, 1) + Number(14, 0), Bytes(14, "\x01"), std::string(),
                                      Number(14, 7), Varint(14U << 3U | 5U) + std::string("\1\0\0\0", 4)}) {
    EXPECT_EQ(*Place(ModelWith(Bytes(8, "w") + address + location), "x"), ModelWith(Bytes(8, "w")));
  }
  for (const std::string& location : {Number(14, 1), Number(14, 1) + Bytes(14, ""), Number(14, 0x100000001)}) {
    EXPECT_EQ(Place(ModelWith(address + location), "x").status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(*Locations(ModelWith(Entry("location", "./*/_ORT_MEM_ADDR_/*") + location)),
                ElementsAre("*/_ORT_MEM_ADDR_/*"));
  }
}

TEST(OnnxExternalData, StaysBeneathTheFolder) {
  for (const char* location : {"/etc/passwd", "../up.bin", "a/../../up.bin", "", ".."}) {
    EXPECT_EQ(Locations(ModelWith(ExternalTensor(location))).status().code(), absl::StatusCode::kInvalidArgument)
        << location;
  }
}

TEST(OnnxExternalData, RefusesWhatIsBroken) {
  const std::string whole = ModelWith(ExternalTensor("w.bin"));
  for (std::size_t length = 3; length < whole.size(); ++length) {
    EXPECT_FALSE(Locations(whole.substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(Locations(std::string(20, '\xff')).ok());
  EXPECT_FALSE(Locations("\x3b").ok());  // A group.
}

TEST(OnnxExternalData, BoundsTheDepth) {
  std::string graph = Bytes(5, ExternalTensor("deep.bin"));
  for (int i = 0; i < 10; ++i) {
    graph = Bytes(1, Bytes(5, Bytes(6, graph)));
  }
  EXPECT_THAT(*Locations(Bytes(7, graph)), ElementsAre("deep.bin"));
  graph = Bytes(1, Bytes(5, Bytes(6, graph)));
  EXPECT_THAT(Message(Locations(Bytes(7, graph)).status()), HasSubstr("nested deeper than the limit of 10 levels"));
}

}  // namespace
}  // namespace accelerd::openvino
