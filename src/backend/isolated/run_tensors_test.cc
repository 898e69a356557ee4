#include "backend/isolated/run_tensors.h"

#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RunTensorsTest : public testing::Test {
 protected:
  RunTensorsTest() {
    signature_.outputs = {{.name = "out", .element_type = ElementType::kU8, .shape = {4}, .layout = {}},
                          {.name = "any", .element_type = ElementType::kU8, .shape = {-1}, .layout = {}}};
    outputs_ = {*Tensor::Allocate(ElementType::kU8, {4}), Tensor()};
    staged_ = StageOutputs(outputs_, pool_).value();
    std::iota(staged_[0].elements<std::uint8_t>().begin(), staged_[0].elements<std::uint8_t>().end(), 1);
  }

  /// The worker's `done`, sent now.
  std::string Done() const {
    DoneMessage done;
    done.checksum = ChecksumOf(staged_);
    done.made = {*Tensor::Allocate(ElementType::kU8, {2})};
    return EncodeDone(done);
  }

  BufferPool pool_{1 << 20, BufferPool::Kind::kShared};
  Signature signature_;
  Tensors outputs_;
  Tensors staged_;
};

TEST_F(RunTensorsTest, OutputsAreCopiedOutOfTheWorkersReach) {
  const absl::StatusOr<RunResult> result = ResultOf(signature_, staged_, outputs_, Done());
  ASSERT_TRUE(result.ok()) << result.status();
  staged_[0].elements<std::uint8_t>()[0] = 99;
  EXPECT_THAT(result->outputs[0].elements<std::uint8_t>(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(result->outputs[1].shape(), ElementsAre(2));
}

TEST_F(RunTensorsTest, OutputsThatChangedAfterwardsAreNotTaken) {
  const std::string done = Done();
  staged_[0].elements<std::uint8_t>()[3] ^= 1;
  const absl::Status status = ResultOf(signature_, staged_, outputs_, done).status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(status.ToString(), HasSubstr("changed outputs"));
}

TEST_F(RunTensorsTest, TheChecksumIsThatOfZlib) {
  // zlib.crc32(bytes([1, 2, 3, 4])) in Python.
  EXPECT_EQ(ChecksumOf(staged_), 0xB63CFBCDU);
  EXPECT_EQ(ChecksumOf({}), 0U);
}

}  // namespace
}  // namespace accelerd
