#ifndef ACCELERD_FRONTEND_HTTP_CLIENT_CALLS_H_
#define ACCELERD_FRONTEND_HTTP_CLIENT_CALLS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace accelerd {

/// Bounds how many calls of a kind each client waits for at once. Not thread-safe.
class ClientCalls {
 public:
  /// A call that counts until this is destroyed. Movable; it may outlive the ClientCalls.
  class Call {
   public:
    Call(Call&& other) noexcept : counts_(std::move(other.counts_)), client_(std::move(other.client_)) {}
    Call& operator=(Call&&) = delete;
    ~Call() {
      if (counts_ == nullptr) {
        return;
      }
      const auto count = counts_->find(client_);
      if (--count->second == 0) {
        counts_->erase(count);
      }
    }

   private:
    friend class ClientCalls;
    using Counts = std::unordered_map<std::string, std::size_t>;
    Call(std::shared_ptr<Counts> counts, std::string client) : counts_(std::move(counts)), client_(std::move(client)) {}

    std::shared_ptr<Counts> counts_;
    std::string client_;
  };

  explicit ClientCalls(std::size_t most) : most_(most) {}

  /// Counts a call of a client; nullopt if the client waits for as many as it may.
  std::optional<Call> Begin(const std::string& client) {
    const auto count = counts_->try_emplace(client, 0).first;
    if (count->second >= most_) {
      return std::nullopt;
    }
    ++count->second;
    return Call(counts_, client);
  }

  std::size_t most() const { return most_; }

 private:
  const std::size_t most_;
  const std::shared_ptr<Call::Counts> counts_ = std::make_shared<Call::Counts>();
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_CLIENT_CALLS_H_
