#include "frontend/http/client_policy.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "fmt/core.h"
#include "gmock/gmock.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

constexpr auto kRealtime = PriorityClass::kRealtime;
constexpr auto kNormal = PriorityClass::kNormal;
constexpr auto kBatch = PriorityClass::kBatch;

Peer PeerAt(std::string_view address) {
  return Peer({.address = ParseIpAddress(address).value(), .port = 1}, {.address = *ParseIpAddress("192.0.2.1")});
}

ClientRule AddressRule(std::string_view prefix, const ClientGrant& grant) {
  ClientRule rule;
  rule.address = IpPrefix::Parse(prefix).value();
  rule.grant = grant;
  return rule;
}

ClientRule IdRule(const std::string& id, const ClientGrant& grant) {
  ClientRule rule;
  rule.id = id;
  rule.grant = grant;
  return rule;
}

TEST(ClientPolicyTest, WithoutRulesEveryPeerIsAGroup) {
  const ClientPolicy policy({});
  const Client plain = policy.ClientOf(PeerAt("192.0.2.7"), "");
  EXPECT_EQ(plain.group, "address 192.0.2.7");
  EXPECT_EQ(plain.member, "");
  EXPECT_EQ(plain.weight, 1);
  const Client named = policy.ClientOf(PeerAt("192.0.2.7"), "cam");
  EXPECT_EQ(named.group, "address 192.0.2.7");
  EXPECT_EQ(named.member, "cam");
  EXPECT_FALSE(policy.IdIsClient(PeerAt("192.0.2.7"), "cam"));
}

TEST(ClientPolicyTest, AProcessIsToldFromALaterOneOfItsNumber) {
  const ClientPolicy policy({});
  const auto client_of = [&](std::uint64_t started, const std::string& name) {
    Peer peer = PeerAt("192.0.2.1");
    peer.Found({.process = ProcessInfo{.pid = 7, .started = started, .name = name}, .final = true});
    return policy.ClientOf(peer, "");
  };
  EXPECT_EQ(client_of(100, "a").key(), client_of(100, "b").key());
  EXPECT_NE(client_of(100, "a").key(), client_of(200, "a").key());
  EXPECT_EQ(client_of(100, "a").process, "a");
}

TEST(ClientPolicyTest, AllProcessesOfAUserAsOne) {
  ClientRule rule;
  rule.grant = {.weight = 3, .as_one = true};
  const ClientPolicy policy({rule});
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const UniqueFd first(ends[0]);
  const UniqueFd second(ends[1]);
  Peer peer(first.get());
  const std::string user = fmt::format("uid {}", geteuid());
  EXPECT_NE(peer.name(), user) << "it is told by its process otherwise";
  EXPECT_TRUE(policy.IsAsOne(peer));
  const Client client = policy.ClientOf(peer, "cam");
  EXPECT_EQ(client.group, user);
  EXPECT_EQ(client.member, "cam");
  EXPECT_EQ(client.weight, 3);
  EXPECT_EQ(client.process_started, 0);
  // Hosts are clients already.
  EXPECT_FALSE(policy.IsAsOne(PeerAt("192.0.2.7")));
  EXPECT_EQ(policy.ClientOf(PeerAt("192.0.2.7"), "").group, "address 192.0.2.7");
}

TEST(ClientPolicyTest, TheFirstRuleThatMatchesCounts) {
  const ClientPolicy policy({AddressRule("192.0.2.7", {.weight = 2}), AddressRule("192.0.2.0/24", {.weight = 3}),
                             AddressRule("192.0.2.8", {.weight = 4})});
  EXPECT_EQ(policy.ClientOf(PeerAt("192.0.2.7"), "").weight, 2);
  EXPECT_EQ(policy.ClientOf(PeerAt("192.0.2.8"), "").weight, 3);
  EXPECT_EQ(policy.ClientOf(PeerAt("192.0.3.8"), "").weight, 1);
  EXPECT_EQ(policy.ClientOf(PeerAt("192.0.2.7"), "an id").weight, 2);
}

TEST(ClientPolicyTest, RulesOfUsersAndUnixSocketsDoNotMatchOtherMachines) {
  ClientRule over_unix;
  over_unix.over_unix_socket = true;
  ClientRule user;
  user.uid = 0;
  ClientRule any;
  any.grant.weight = 5;
  EXPECT_EQ(ClientPolicy({over_unix, user, any}).ClientOf(PeerAt("192.0.2.7"), "").weight, 5);
}

TEST(ClientPolicyTest, IdsOfTrustedPeersAreClientsOfTheirOwn) {
  const ClientPolicy policy({AddressRule("192.0.2.7", {.weight = 2, .highest = kBatch, .trusted = true}),
                             IdRule("camera", {.weight = 4, .highest = kRealtime})});
  const Peer gateway = PeerAt("192.0.2.7");
  EXPECT_TRUE(policy.IdIsClient(gateway, "camera"));
  const Client camera = policy.ClientOf(gateway, "camera");
  EXPECT_EQ(camera.group, "id camera");
  EXPECT_EQ(camera.member, "");
  EXPECT_EQ(camera.weight, 4);
  EXPECT_EQ(policy.ClientOf(gateway, "other").weight, 2) << "what its peer has";
  EXPECT_EQ(*policy.PriorityOf(gateway, "camera", kRealtime), kRealtime);
  EXPECT_FALSE(policy.PriorityOf(gateway, "other", kNormal).ok());
  EXPECT_EQ(policy.ClientOf(gateway, "").group, "address 192.0.2.7");
  EXPECT_FALSE(policy.IdIsClient(gateway, ""));
  // The rule of an id is not for whoever calls itself so.
  EXPECT_EQ(policy.ClientOf(PeerAt("192.0.2.8"), "camera").weight, 1);
  EXPECT_FALSE(policy.PriorityOf(PeerAt("192.0.2.8"), "camera", kRealtime).ok());
}

TEST(ClientPolicyTest, PrioritiesUpToTheGrant) {
  const ClientPolicy policy(
      {AddressRule("192.0.2.1", {.highest = kRealtime}), AddressRule("192.0.2.3", {.highest = kBatch})});
  const auto priority_of = [&](std::string_view address, std::optional<PriorityClass> asked) {
    return policy.PriorityOf(PeerAt(address), "", asked);
  };
  EXPECT_EQ(*priority_of("192.0.2.1", std::nullopt), kNormal) << "realtime is asked for";
  EXPECT_EQ(*priority_of("192.0.2.1", kRealtime), kRealtime);
  EXPECT_EQ(*priority_of("192.0.2.2", std::nullopt), kNormal);
  EXPECT_EQ(*priority_of("192.0.2.2", kBatch), kBatch);
  EXPECT_EQ(*priority_of("192.0.2.3", std::nullopt), kBatch);
  const absl::Status denied = priority_of("192.0.2.2", kRealtime).status();
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(Message(denied), HasSubstr("--client \"address:192.0.2.2 priority=realtime\""));
  EXPECT_EQ(priority_of("192.0.2.3", kNormal).status().code(), absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace accelerd
