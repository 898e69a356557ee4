#ifndef ACCELERD_ENGINE_ACCOUNTS_H_
#define ACCELERD_ENGINE_ACCOUNTS_H_

#include <iterator>
#include <map>
#include <utility>

#include "engine/account.h"
#include "engine/client_table.h"

namespace accelerd {

/// The accounts of clients, of models and of all together. Not thread-safe.
class Accounts {
 public:
  explicit Accounts(std::size_t max_clients) : clients_(max_clients) {}

  ClientTable& clients() { return clients_; }
  const ClientTable& clients() const { return clients_; }
  const Account& total() const { return total_; }
  const std::map<ModelGeneration, Account>& models() const { return models_; }

  /// Calls `change(account)` for each account that a job of `payer` with `model` counts in. A job without a model
  /// counts in no model's.
  template <typename Change>
  void Count(const Payer& payer, ModelGeneration model, Change change) {
    change(clients_.member(payer).account);
    change(total_);
    if (model == kNoModel) {
      return;
    }
    if (models_.size() > kMaxModels) {
      ForgetModels();
    }
    change(models_[model]);
  }

 private:
  static constexpr std::size_t kMaxModels = 1000;

  /// Generations are never used again: the oldest half of those that nobody asks for goes.
  void ForgetModels() {
    std::size_t excess = kMaxModels / 2;
    for (auto entry = models_.begin(); entry != models_.end() && excess > 0;) {
      const ShareStats& stats = entry->second.stats;
      const bool idle = stats.waiting == 0 && stats.running == 0;
      excess -= idle ? 1 : 0;
      entry = idle ? models_.erase(entry) : std::next(entry);
    }
  }

  ClientTable clients_;
  Account total_;
  std::map<ModelGeneration, Account> models_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_ACCOUNTS_H_
