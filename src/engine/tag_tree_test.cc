#include "engine/tag_tree.h"

#include <map>
#include <random>
#include <utility>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(TagTreeTest, StartsEmptyAndIsEmptyAgain) {
  TagTree tree;
  EXPECT_TRUE(tree.empty());
  tree.Erase(7);
  tree.Set(5, -1);
  EXPECT_FALSE(tree.empty());
  tree.Erase(5);
  EXPECT_TRUE(tree.empty());
}

TEST(TagTreeTest, OfEqualTagsTheLesserNumberIsFirst) {
  TagTree tree;
  tree.Set(6, 1);
  tree.Set(2, 1);
  tree.Set(3, 1);
  EXPECT_EQ(tree.first(), 2);
}

TEST(TagTreeTest, KnowsTheLeastOfManyAsTheyChange) {
  std::mt19937 random(1);
  TagTree tree;
  std::map<std::uint32_t, double> tags;
  std::uint32_t numbers = 1;
  for (int i = 0; i < 20'000; ++i) {
    numbers += i % 200 == 0 ? 1 : 0;
    const std::uint32_t number = random() % numbers;
    if (random() % 3 == 0) {
      tree.Erase(number);
      tags.erase(number);
    } else {
      const double tag = static_cast<int>(random() % 50) - 10;
      tree.Set(number, tag);
      tags[number] = tag;
    }
    ASSERT_EQ(tree.empty(), tags.empty());
    std::pair<double, std::uint32_t> least{1e9, 0};
    for (const auto& [other, tag] : tags) {
      least = std::min(least, std::pair(tag, other));
    }
    if (!tags.empty()) {
      ASSERT_EQ(std::pair(tree.least(), tree.first()), least);
    }
  }
}

}  // namespace
}  // namespace accelerd
