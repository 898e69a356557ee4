#ifndef ACCELERD_APP_CLIENT_RULES_H_
#define ACCELERD_APP_CLIENT_RULES_H_

#include <span>
#include <vector>

#include "base/status.h"
#include "config/client_option.h"
#include "frontend/http/client_policy.h"

namespace accelerd {

/// The options as rules, names of users looked up. kNotFound: there is no such user.
absl::StatusOr<std::vector<ClientRule>> ClientRules(std::span<const ClientOption> options);

}  // namespace accelerd

#endif  // ACCELERD_APP_CLIENT_RULES_H_
