#ifndef ACCELERD_BASE_UNIQUE_FD_H_
#define ACCELERD_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace accelerd {

/// Owns a file descriptor. Movable only; thread-compatible.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  /// Gives up the descriptor, which the caller closes.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_UNIQUE_FD_H_
