#include "frontend/http/npy.h"

#include <algorithm>
#include <cstring>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

/// What numpy.save writes: magic, version 1.0, length 118, dictionary, spaces, line feed.
std::string Header(const std::string& dictionary) {
  std::string header("\x93NUMPY\x01\x00\x76\x00", 10);
  header += dictionary;
  header.resize(127, ' ');
  return header + '\n';
}

Tensor MakeTensor(ElementType type, const Shape& shape, std::string_view bytes) {
  Tensor tensor = *Tensor::Allocate(type, shape);
  EXPECT_EQ(tensor.byte_size(), bytes.size());
  std::memcpy(tensor.bytes().data(), bytes.data(), bytes.size());
  return tensor;
}

// The headers are what numpy.save of NumPy 2 writes for these arrays, but for the padding: NumPy leaves room to grow.
TEST(Npy, TensorsOfSeveralShapes) {
  const std::string one("\x00\x00\x80\x3f", 4);
  EXPECT_EQ(NpyFromTensor(MakeTensor(ElementType::kF32, {1, 1}, one)).substr(0, 10),
            std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(NpyFromTensor(MakeTensor(ElementType::kF32, {1, 1}, one)),
            Header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }") + one);
  EXPECT_EQ(NpyFromTensor(MakeTensor(ElementType::kU8, {3}, "abc")),
            Header("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }") + "abc");
  EXPECT_EQ(NpyFromTensor(MakeTensor(ElementType::kI64, {}, std::string(8, '\x01'))),
            Header("{'descr': '<i8', 'fortran_order': False, 'shape': (), }") + std::string(8, '\x01'));
}

TEST(Npy, ElementsBeginAtAMultipleOf64) {
  for (std::int64_t size = 1; size < 1'000'000'000; size *= 7) {
    const std::string npy = NpyFromTensor(MakeTensor(ElementType::kBool, {0, size, size}, ""));
    EXPECT_EQ(npy.size() % 64, 0U);
    EXPECT_EQ(npy.back(), '\n');
    EXPECT_EQ(static_cast<std::size_t>(static_cast<unsigned char>(npy[8])) + 10, npy.size());
  }
}

TEST(Npy, Bfloat16BecomesFloat32) {
  EXPECT_EQ(NpyFromTensor(MakeTensor(ElementType::kBf16, {2}, "\x80\x3f\x01\xc0")),
            Header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }") +
                std::string("\x00\x00\x80\x3f\x00\x00\x01\xc0", 8));
}

TEST(Npy, ImageAndMask) {
  EXPECT_EQ(NpyHeader({1, 2, {1, 2, 3, 4, 5, 6}}),
            Header("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }"));
  EXPECT_EQ(NpyFromMask({2, 1, {7, -1}}), Header("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 1), }") +
                                              std::string("\x07\x00\x00\x00\xff\xff\xff\xff", 8));
}

}  // namespace
}  // namespace accelerd
