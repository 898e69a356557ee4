#ifndef ACCELERD_ENGINE_ROUTING_TABLE_H_
#define ACCELERD_ENGINE_ROUTING_TABLE_H_

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "engine/engine_model.h"

namespace accelerd {

/// The current routing snapshot. Get is thread-safe; changes are made one at a time.
class RoutingTable {
 public:
  /// Taken by every request.
  std::shared_ptr<const RoutingSnapshot> Get() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }

  /// `name` leads to `handle` from now on, or nowhere.
  void Route(const std::string& name, ModelHandle handle) {
    auto next = std::make_shared<RoutingSnapshot>(*Get());
    if (handle == nullptr) {
      next->erase(name);
    } else {
      (*next)[name] = std::move(handle);
    }
    Swap(std::move(next));
  }

  void Clear() { Swap(std::make_shared<const RoutingSnapshot>()); }

 private:
  /// What was there is let go of without the mutex.
  void Swap(std::shared_ptr<const RoutingSnapshot> next) {
    const std::lock_guard lock(mutex_);
    snapshot_.swap(next);
  }

  mutable std::mutex mutex_;
  std::shared_ptr<const RoutingSnapshot> snapshot_ = std::make_shared<const RoutingSnapshot>();
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_ROUTING_TABLE_H_
