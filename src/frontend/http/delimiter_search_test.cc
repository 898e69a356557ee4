#include "frontend/http/delimiter_search.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(FindDelimiter, AgreesWithAPlainSearch) {
  std::mt19937 random(1);
  // Few letters, so that parts of the delimiter are everywhere.
  const std::string letters = "\r\n-ab";
  for (int i = 0; i < 20'000; ++i) {
    std::string delimiter = "\r\n--";
    for (std::size_t size = 1 + random() % 4; size > 0; --size) {
      delimiter += "-ab"[random() % 3];
    }
    std::string text;
    for (std::size_t size = random() % 200; size > 0; --size) {
      text += letters[random() % letters.size()];
    }
    if (random() % 2 == 0) {
      text.insert(random() % (text.size() + 1), delimiter.substr(0, 1 + random() % delimiter.size()));
    }
    if (random() % 2 == 0) {
      text.insert(random() % (text.size() + 1), delimiter);
    }
    const std::size_t from = random() % (text.size() + 2);
    ASSERT_EQ(FindDelimiter(text, from, delimiter), text.find(delimiter, from)) << i;
  }
}

TEST(FindDelimiter, AtEveryPlace) {
  const std::string delimiter = "\r\n--boundary";
  for (std::size_t size = delimiter.size(); size < 100; ++size) {
    for (std::size_t at = 0; at + delimiter.size() <= size; ++at) {
      const std::string text = std::string(at, 'x') + delimiter + std::string(size - at - delimiter.size(), 'x');
      ASSERT_EQ(FindDelimiter(text, 0, delimiter), at);
      ASSERT_EQ(FindDelimiter(text, at, delimiter), at);
      ASSERT_EQ(FindDelimiter(text, at + 1, delimiter), std::string::npos);
    }
  }
}

TEST(FindDelimiter, LargeTextsOfAnyKind) {
  const std::string delimiter = "\r\n--" + std::string(66, 'a');
  for (const std::string& piece : {std::string("a"), std::string("\r"), std::string("\r\n"), std::string("\r\n--"),
                                   delimiter.substr(0, 69), "\r\n--" + std::string(65, 'a') + "ba"}) {
    std::string text;
    while (text.size() < 4U << 20) {
      text += piece;
    }
    EXPECT_EQ(FindDelimiter(text, 0, delimiter), std::string::npos);
    const std::size_t end = text.size();
    text += delimiter;
    EXPECT_EQ(FindDelimiter(text, 0, delimiter), end);
  }
}

}  // namespace
}  // namespace accelerd
