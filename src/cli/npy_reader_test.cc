#include "cli/npy_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace accelerd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A version 1 file with this header dictionary.
std::string Npy(const std::string& header, const std::string& data) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + data;
}

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::string Error(const std::string& bytes) {
  const auto array = NpyArray::Parse(bytes);
  EXPECT_EQ(array.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(Message(array.status()));
}

TEST(NpyArray, ReadsWhatNumpyWrites) {
  const std::string bytes =
      Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }       \n", Bytes<float>({0, 1, 2, 3, 4, 5.5F}));
  const auto array = NpyArray::Parse(bytes);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->type_name(), "float32");
  EXPECT_THAT(array->shape(), ElementsAre(2, 3));
  EXPECT_EQ(array->size(), 6U);
  EXPECT_EQ((*array)[5], NpyValue(5.5F));
}

TEST(NpyArray, ReadsScalarsVectorsAndEmptyArrays) {
  const std::string scalar = Npy("{'descr': '|u1', 'fortran_order': False, 'shape': (), }", "\xff");
  EXPECT_THAT(NpyArray::Parse(scalar)->shape(), IsEmpty());
  EXPECT_EQ((*NpyArray::Parse(scalar))[0], NpyValue(std::uint64_t{255}));
  const std::string vector =
      Npy("{'shape': (2,), 'fortran_order': False, 'descr': '<i8'}", Bytes<std::int64_t>({-1, 2}));
  EXPECT_EQ((*NpyArray::Parse(vector))[0], NpyValue(std::int64_t{-1}));
  const std::string empty = Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296), }", "");
  EXPECT_EQ(NpyArray::Parse(empty)->size(), 0U);
}

TEST(NpyArray, ReadsHalfPrecision) {
  const std::string bytes = Npy("{'descr': '<f2', 'fortran_order': False, 'shape': (6,), }",
                                Bytes<std::uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x7e00}));
  const auto array = NpyArray::Parse(bytes);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ((*array)[0], NpyValue(1.0F));
  EXPECT_EQ((*array)[1], NpyValue(-2.0F));
  EXPECT_EQ((*array)[2], NpyValue(65504.0F));
  EXPECT_EQ((*array)[3], NpyValue(std::ldexp(1.0F, -24)));
  EXPECT_EQ((*array)[4], NpyValue(INFINITY));
  EXPECT_TRUE(std::isnan(std::get<float>((*array)[5])));
}

TEST(NpyArray, EveryTruncationIsAnError) {
  const std::string bytes =
      Npy("{'descr': '<i4', 'fortran_order': False, 'shape': (1, 2), }\n", Bytes<std::int32_t>({1, 2}));
  ASSERT_TRUE(NpyArray::Parse(bytes).ok());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(NpyArray::Parse(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_THAT(Error(bytes + "x"), HasSubstr("shape (1,2) of int32 does not fit its 9 bytes"));
}

TEST(NpyArray, RejectsHostileShapes) {
  const auto error = [](const std::string& shape) {
    return Error(Npy("{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }", std::string(16, '\0')));
  };
  EXPECT_THAT(error("(4611686018427387904, 4, 2)"), HasSubstr("does not fit"));
  EXPECT_THAT(error("(9223372036854775807,)"), HasSubstr("does not fit"));
  EXPECT_THAT(error("(-2,)"), HasSubstr("header is wrong"));
  EXPECT_THAT(error("(99999999999999999999,)"), HasSubstr("header is wrong"));
  EXPECT_THAT(error("(1"), HasSubstr("header is wrong"));
  EXPECT_THAT(error("2"), HasSubstr("header is wrong"));
  std::string many = "(";
  for (int i = 0; i < 33; ++i) {
    many += "1,";
  }
  EXPECT_THAT(error(many + ")"), HasSubstr("header is wrong"));
}

TEST(NpyArray, RejectsOtherKinds) {
  EXPECT_THAT(Error(Npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "abcd")), HasSubstr("\">f4\""));
  EXPECT_THAT(Error(Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", "abcd")),
              HasSubstr("in column order"));
  EXPECT_THAT(Error(Npy("{'descr': '<f4', 'shape': (1,), }", "abcd")), HasSubstr("header is wrong"));
  EXPECT_THAT(Error(std::string("\x93NUMPY\x09\x00\x01\x00{}", 12)), HasSubstr("version is 9"));
  EXPECT_THAT(Error("{\"error\": \"no such model\"}"), HasSubstr("does not begin as one"));
}

TEST(NpyShapeText, IsAsNumpyPrints) {
  EXPECT_EQ(NpyShapeText({}), "()");
  EXPECT_EQ(NpyShapeText({1001}), "(1001,)");
  EXPECT_EQ(NpyShapeText({1, 100, 7}), "(1,100,7)");
}

}  // namespace
}  // namespace accelerd
