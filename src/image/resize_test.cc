#include "image/resize.h"

#include "gtest/gtest.h"
#include "image/image_test_util.h"

namespace accelerd {
namespace {

TEST(ResizeBilinearTest, MixesNeighbours) {
  Image image{1, 2, {0, 0, 200, 100, 40, 0}};
  const Image wide = ResizeBilinear(image, 2, 4);
  EXPECT_EQ(wide.rows, 2);
  EXPECT_EQ(wide.cols, 4);
  // Centres of the new pixels lie at -1/4, 1/4, 3/4, 5/4 of the old ones.
  const Bytes row = {0, 0, 200, 25, 10, 150, 75, 30, 50, 100, 40, 0};
  Bytes expected = row;
  expected.insert(expected.end(), row.begin(), row.end());
  EXPECT_EQ(ToBytes(wide.pixels), expected);
}

TEST(ResizeBilinearTest, HalfTheSizeIsTheMeanOfFour) {
  const Image image{2, 2, {0, 0, 0, 10, 20, 30, 20, 40, 60, 30, 60, 90}};
  EXPECT_EQ(ToBytes(ResizeBilinear(image, 1, 1).pixels), (Bytes{15, 30, 45}));
}

TEST(ResizeBilinearTest, SameSizeIsTheSameImage) {
  const Image image{1, 2, {1, 2, 3, 4, 5, 6}};
  EXPECT_EQ(ResizeBilinear(image, 1, 2).pixels, image.pixels);
}

TEST(ResizeNearestTest, TakesTheFlooredPlace) {
  EXPECT_EQ(ResizeNearest({1, 2, 3}, 1, 3, 1, 7), (std::vector<std::int32_t>{1, 1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(ResizeNearest({1, 2, 3, 4, 5}, 5, 1, 3, 1), (std::vector<std::int32_t>{1, 2, 4}));
  EXPECT_EQ(ResizeNearest({70'000, -1, 3, 4}, 2, 2, 1, 4), (std::vector<std::int32_t>{70'000, 70'000, -1, -1}));
}

TEST(ResizeNearestTest, SameSizeIsNotCopied) {
  std::vector<std::int32_t> map = {1, 2, 3, 4};
  const std::int32_t* data = map.data();
  EXPECT_EQ(ResizeNearest(std::move(map), 2, 2, 2, 2).data(), data);
}

}  // namespace
}  // namespace accelerd
