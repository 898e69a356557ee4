#include "backend/check_tensors.h"

#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

class CheckTensorsTest : public testing::Test {
 protected:
  static Tensor Make(ElementType type, const Shape& shape) { return *Tensor::Allocate(type, shape); }

  void ExpectError(const Tensors& inputs, const Tensors& outputs, const std::string& message) const {
    const absl::Status status = CheckTensors(signature_, inputs, outputs);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), HasSubstr(message));
  }

  const Signature signature_ = {{{"in", ElementType::kU8, {-1, 3}, ""}},
                                {{"fixed", ElementType::kF32, {2}, ""}, {"open", ElementType::kF32, {-1, 4}, ""}}};
  const Tensor in_ = Make(ElementType::kU8, {5, 3});
  const Tensor fixed_ = Make(ElementType::kF32, {2});
};

TEST_F(CheckTensorsTest, Accepts) {
  EXPECT_TRUE(CheckTensors(signature_, {in_}, {fixed_, Tensor()}).ok());
}

TEST_F(CheckTensorsTest, Refuses) {
  ExpectError({}, {fixed_, Tensor()}, "0 inputs were given; the model has 1");
  ExpectError({in_}, {fixed_}, "1 outputs were given; the model has 2");
  ExpectError({Tensor()}, {fixed_, Tensor()}, "input \"in\" has no data");
  ExpectError({Make(ElementType::kI8, {5, 3})}, {fixed_, Tensor()}, "is i8 [5,3]; the model takes u8 [?,3]");
  ExpectError({Make(ElementType::kU8, {5, 4})}, {fixed_, Tensor()}, "is u8 [5,4]");
  ExpectError({Make(ElementType::kU8, {3})}, {fixed_, Tensor()}, "is u8 [3]");
  ExpectError({in_}, {Tensor(), Tensor()}, "output \"fixed\" has no data");
  ExpectError({in_}, {Make(ElementType::kF32, {3}), Tensor()}, "output \"fixed\" is f32 [3]");
  ExpectError({in_}, {fixed_, Make(ElementType::kF32, {5, 4})}, "output \"open\"");
}

}  // namespace
}  // namespace accelerd
