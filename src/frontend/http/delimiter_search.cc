#include "frontend/http/delimiter_search.h"

#include <array>
#include <bit>
#include <climits>
#include <cstdint>
#include <cstring>

namespace accelerd {
namespace {

static_assert(std::endian::native == std::endian::little, "the first byte of a block is the lowest one of its words");

// The compiler turns operations on it into those of the machine's vectors.
using Block = unsigned char __attribute__((vector_size(16)));

Block Load(const char* text) {
  Block block;
  std::memcpy(&block, text, sizeof(block));
  return block;
}

/// Returns 0xff at each place of the block where the bytes are equal, otherwise 0.
Block Equal(const Block& block, char byte) {
  return reinterpret_cast<Block>(block == static_cast<unsigned char>(byte));
}

/// Returns the places among the next 16 of `text` where the delimiter's first four and its last character fit, as
/// bytes of 0xff in two words. Reads 15 bytes beyond the delimiter's size.
std::array<std::uint64_t, 2> Candidates(const char* text, std::string_view delimiter) {
  const Block block = Equal(Load(text), '\r') & Equal(Load(text + 1), '\n') & Equal(Load(text + 2), '-') &
                      Equal(Load(text + 3), '-') & Equal(Load(text + delimiter.size() - 1), delimiter.back());
  return std::bit_cast<std::array<std::uint64_t, 2>>(block);
}

}  // namespace

std::size_t FindDelimiter(std::string_view text, std::size_t from, std::string_view delimiter) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::size_t at = from;
  for (; at + sizeof(Block) + delimiter.size() <= text.size(); at += sizeof(Block)) {
    const std::array<std::uint64_t, 2> candidates = Candidates(text.data() + at, delimiter);
    if ((candidates[0] | candidates[1]) == 0) {
      continue;
    }
    for (std::size_t word = 0; word < candidates.size(); ++word) {
      for (std::uint64_t bytes = candidates[word]; bytes != 0;) {
        const auto byte = static_cast<std::size_t>(std::countr_zero(bytes)) / CHAR_BIT;
        const std::size_t place = at + word * kWord + byte;
        if (std::memcmp(text.data() + place, delimiter.data(), delimiter.size()) == 0) {
          return place;
        }
        bytes &= ~(std::uint64_t{0xff} << (byte * CHAR_BIT));
      }
    }
  }
  return text.find(delimiter, at);
}

}  // namespace accelerd
