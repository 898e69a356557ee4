// Throws bytes at the parser of TOML files: what passes is not nested deeper than the bound, and nothing exhausts the
// stack.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/nesting.h"
#include "base/parse_toml.h"

namespace {

/// Parts of a header, of the keys beneath it, and of the keys in each nested inline table.
constexpr int kMaxDepth = accelerd::kMaxNesting * (accelerd::kMaxNesting + 2);

int DepthOf(const toml::node& node) {
  int deepest = 0;
  if (const toml::table* table = node.as_table()) {
    for (const auto& [key, value] : *table) {
      deepest = std::max(deepest, DepthOf(value));
    }
  } else if (const toml::array* array = node.as_array()) {
    for (const toml::node& value : *array) {
      deepest = std::max(deepest, DepthOf(value));
    }
  }
  return deepest + 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<toml::table> table = accelerd::ParseToml(text, "fuzz.toml");
  if (table.ok() && DepthOf(*table) > kMaxDepth) {
    std::abort();
  }
  return 0;
}
