#include "app/client_rules.h"

#include <pwd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>

#include "fmt/core.h"
#include "frontend/http/call_conditions.h"

namespace accelerd {
namespace {

absl::StatusOr<std::uint32_t> FindUser(const std::string& name) {
  constexpr std::size_t kMost = 1 << 20;
  std::vector<char> memory(16 << 10);
  passwd entry{};
  passwd* found = nullptr;
  int error = 0;
  while ((error = getpwnam_r(name.c_str(), &entry, memory.data(), memory.size(), &found)) == ERANGE &&
         memory.size() < kMost) {
    memory.resize(memory.size() * 2);
  }
  if (found != nullptr) {
    return found->pw_uid;
  }
  // What an absent user reports besides 0 depends on where users are looked up (getpwnam_r(3)).
  if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) {
    return absl::NotFoundError(
        fmt::format("--client user:{0}: there is no user '{0}' on this machine; uid:NUMBER names one by number", name));
  }
  return absl::UnavailableError(
      fmt::format("--client user:{}: the user cannot be looked up: {}", name, std::generic_category().message(error)));
}

absl::StatusOr<ClientRule> MakeRule(const ClientOption& option) {
  using Match = ClientOption::Match;
  ClientRule rule;
  rule.grant = {.weight = option.weight,
                .highest = ParsePriorityClass(option.priority).value_or(PriorityClass::kNormal),
                .trusted = option.trusted,
                .as_one = option.as_one};
  switch (option.match) {
    case Match::kAny:
      break;
    case Match::kUnix:
      rule.over_unix_socket = true;
      break;
    case Match::kUid:
      rule.uid = option.uid;
      break;
    case Match::kUser: {
      ACCELERD_ASSIGN_OR_RETURN(rule.uid, FindUser(option.name));
      break;
    }
    case Match::kAddress:
      rule.address = option.address;
      break;
    case Match::kId:
      rule.id = option.name;
      break;
  }
  return rule;
}

}  // namespace

absl::StatusOr<std::vector<ClientRule>> ClientRules(std::span<const ClientOption> options) {
  std::vector<ClientRule> rules;
  for (const ClientOption& option : options) {
    ACCELERD_ASSIGN_OR_RETURN(rules.emplace_back(), MakeRule(option));
  }
  return rules;
}

}  // namespace accelerd
