#include "base/hash.h"

#include <openssl/evp.h>

#include <cstdlib>

#include "base/log.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

/// SHA-256 fails only for want of memory, or in an OpenSSL that was built without it.
void CheckOpenssl(bool ok) {
  if (!ok) {
    LogError("hash", "OpenSSL cannot compute SHA-256");
    std::abort();
  }
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, FreeContext> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  CheckOpenssl(state_->context != nullptr && EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::Update(std::span<const std::byte> bytes) {
  CheckOpenssl(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

Sha256::Digest Sha256::Finish() {
  Digest digest{};
  CheckOpenssl(EVP_DigestFinal_ex(state_->context.get(), digest.data(), nullptr) == 1);
  return digest;
}

Sha256::Digest Sha256Of(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Finish();
}

std::string ToHex(const Sha256::Digest& digest) {
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

}  // namespace accelerd
