#ifndef ACCELERD_ENGINE_TAG_TREE_H_
#define ACCELERD_ENGINE_TAG_TREE_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/container/inlined_vector.h"

namespace accelerd {

/// Tags of some of the numbers 0, 1, …, and which of them is the least; of equal tags the lesser number's. A tree of
/// minimums in one array: no allocation but for a higher number than before. Not thread-safe.
class TagTree {
 public:
  bool empty() const { return least() == kNone; }

  /// Infinity when it is empty.
  double least() const { return nodes_[kRoot]; }

  /// Whose tag that is. REQUIRES: not empty.
  std::uint32_t first() const {
    std::size_t node = kRoot;
    while (node < leaves()) {
      node *= 2;
      node += nodes_[node] == least() ? 0 : 1;
    }
    return static_cast<std::uint32_t>(node - leaves());
  }

  /// In place of the tag that it had. REQUIRES: finite.
  void Set(std::uint32_t index, double tag) {
    if (index >= leaves()) {
      Grow(index);
    }
    Put(index, tag);
  }

  /// Does nothing when it has none.
  void Erase(std::uint32_t index) {
    if (index < leaves()) {
      Put(index, kNone);
    }
  }

 private:
  static constexpr double kNone = std::numeric_limits<double>::infinity();
  static constexpr std::size_t kRoot = 1;  // The children of a node n are 2n and 2n + 1.

  std::size_t leaves() const { return nodes_.size() / 2; }

  void Put(std::uint32_t index, double tag) {
    std::size_t node = leaves() + index;
    nodes_[node] = tag;
    while (node > kRoot) {
      const double least = std::min(nodes_[node], nodes_[node ^ 1]);
      node /= 2;
      if (nodes_[node] == least) {
        return;  // Nothing above changes either.
      }
      nodes_[node] = least;
    }
  }

  void Grow(std::uint32_t index) {
    TagTree grown;
    grown.nodes_.assign(2 * std::bit_ceil(index + std::size_t{1}), kNone);
    std::copy(nodes_.begin() + static_cast<std::ptrdiff_t>(leaves()), nodes_.end(),
              grown.nodes_.begin() + static_cast<std::ptrdiff_t>(grown.leaves()));
    for (std::size_t node = grown.leaves() - 1; node >= kRoot; --node) {
      grown.nodes_[node] = std::min(grown.nodes_[2 * node], grown.nodes_[2 * node + 1]);
    }
    *this = std::move(grown);
  }

  /// Most clients have one part, whose tree is a root without an allocation.
  absl::InlinedVector<double, 2> nodes_ = absl::InlinedVector<double, 2>(2, kNone);
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_TAG_TREE_H_
