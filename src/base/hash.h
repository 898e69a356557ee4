#ifndef ACCELERD_BASE_HASH_H_
#define ACCELERD_BASE_HASH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace accelerd {

/// SHA-256 (FIPS 180-4) of bytes that arrive in pieces. Not thread-safe.
class Sha256 {
 public:
  using Digest = std::array<std::uint8_t, 32>;

  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::span<const std::byte> bytes);
  void Update(std::string_view bytes) { Update(std::as_bytes(std::span(bytes))); }

  /// The digest of everything so far. REQUIRES: called once, and last.
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Sha256::Digest Sha256Of(std::string_view bytes);

/// 64 lower-case hexadecimal digits.
std::string ToHex(const Sha256::Digest& digest);

}  // namespace accelerd

#endif  // ACCELERD_BASE_HASH_H_
