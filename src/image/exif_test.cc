#include "image/exif.h"

#include "gtest/gtest.h"
#include "image/image_test_util.h"

namespace accelerd {
namespace {

int OrientationOf(const Bytes& tiff) {
  return ExifOrientation(std::as_bytes(std::span(tiff)));
}

TEST(ExifTest, BothByteOrders) {
  for (std::uint8_t orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(OrientationOf(ExifWithOrientation(orientation, false)), orientation);
    EXPECT_EQ(OrientationOf(ExifWithOrientation(orientation, true)), orientation);
  }
}

TEST(ExifTest, ThePrefixOfJpegIsSkipped) {
  for (const bool big_endian : {false, true}) {
    Bytes exif = {'E', 'x', 'i', 'f', 0, 0};
    Append(&exif, ExifWithOrientation(6, big_endian));
    EXPECT_EQ(OrientationOf(exif), 6);
  }
}

TEST(ExifTest, LongNumbersAreRead) {
  constexpr std::size_t kType = 13;
  constexpr std::size_t kValue = 18;
  Bytes exif = ExifWithOrientation(0, true);
  exif[kType] = 4;
  exif[kValue + 1] = 0;
  exif[kValue + 3] = 8;
  EXPECT_EQ(OrientationOf(exif), 8);
}

TEST(ExifTest, AnythingElseIsAsStored) {
  EXPECT_EQ(OrientationOf({}), 1);
  EXPECT_EQ(OrientationOf(ExifWithOrientation(0, false)), 1);
  EXPECT_EQ(OrientationOf(ExifWithOrientation(9, true)), 1);
  const Bytes good = ExifWithOrientation(6, true);
  for (std::size_t size = 0; size < 20; ++size) {
    EXPECT_EQ(OrientationOf(Bytes(good.begin(), good.begin() + size)), 1) << size;
  }
  Bytes far_directory = good;
  far_directory[4] = 0xFF;
  EXPECT_EQ(OrientationOf(far_directory), 1);
  Bytes other_magic = good;
  other_magic[3] = 43;
  EXPECT_EQ(OrientationOf(other_magic), 1);
}

TEST(ExifTest, EveryOrientationOfTwoByThree) {
  //  1 2 3
  //  4 5 6
  const std::vector<Bytes> expected = {{1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
                                       {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Image image{2, 3, {}};
    for (std::uint8_t value = 1; value <= 6; ++value) {
      image.pixels.insert(image.pixels.end(), 3, value);
    }
    const Image seen = ApplyOrientation(image, orientation);
    EXPECT_EQ(seen.rows, orientation >= 5 ? 3 : 2);
    EXPECT_EQ(seen.cols, orientation >= 5 ? 2 : 3);
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(seen.pixels[i * 3], expected[orientation - 1][i]) << orientation << " at " << i;
    }
  }
}

}  // namespace
}  // namespace accelerd
