#ifndef ACCELERD_FRONTEND_HTTP_CLIENT_SHARE_H_
#define ACCELERD_FRONTEND_HTTP_CLIENT_SHARE_H_

#include <cstddef>

namespace accelerd {

/// Returns how many bytes of a budget of `limit` bytes one client may hold while all other clients hold `others` bytes:
/// four fifths of what they leave. A client that is alone can use most of the budget, and whoever comes next still
/// finds room. This is the dynamic threshold of shared-memory switches (Choudhury and Hahne, 1998) with a factor of 4.
constexpr std::size_t ClientShare(std::size_t limit, std::size_t others) {
  return others >= limit ? 0 : (limit - others) - (limit - others + 4) / 5;
}

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_CLIENT_SHARE_H_
