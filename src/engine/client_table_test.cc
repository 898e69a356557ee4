#include "engine/client_table.h"

#include "gmock/gmock.h"

namespace accelerd {
namespace {

using testing::UnorderedElementsAre;

Payer Find(ClientTable& table, const Client& client) {
  return table.Find(client, [](const Payer&) { return true; }, [](const Payer&, bool) {});
}

std::vector<std::string> Titles(const ClientTable& table) {
  std::vector<std::string> titles;
  for (const ClientStats& client : table.Report(Time())) {
    titles.push_back(client.client.title());
  }
  return titles;
}

TEST(ClientTableTest, AProcessThatCallsItselfAnotherIsTheSameClient) {
  ClientTable table(10);
  const Client client{.group = "uid 1 pid 7", .process = "first", .process_started = 100};
  Client renamed = client;
  renamed.process = "second";
  const Payer payer = Find(table, client);
  EXPECT_EQ(Find(table, renamed).member, payer.member);
  EXPECT_THAT(Titles(table), UnorderedElementsAre("uid 1 pid 7 (first)"));
}

TEST(ClientTableTest, AnotherProcessWithTheSameNumberIsAnotherClient) {
  ClientTable table(10);
  const Client first{.group = "uid 1 pid 7", .weight = 2, .process = "first", .process_started = 100};
  const Client second{.group = "uid 1 pid 7", .weight = 3, .process = "second", .process_started = 200};
  const Payer of_first = Find(table, first);
  const Payer of_second = Find(table, second);
  EXPECT_NE(of_first.member, of_second.member);
  EXPECT_NE(of_first.group, of_second.group);
  EXPECT_EQ(of_second.weight, 3);
  EXPECT_EQ(Find(table, first).member, of_first.member);
  EXPECT_THAT(Titles(table), UnorderedElementsAre("uid 1 pid 7 (first)", "uid 1 pid 7 (second)"));
}

TEST(ClientTableTest, WhoIsForgottenLeavesOthersOfItsNumber) {
  ClientTable table(2);
  const Client first{.group = "uid 1 pid 7", .process = "first", .process_started = 100};
  const Client second{.group = "uid 1 pid 7", .process = "second", .process_started = 200};
  Find(table, first);
  const Payer kept = Find(table, second);
  Find(table, {.group = "uid 1 pid 8"});  // In the place of the first.
  EXPECT_EQ(Find(table, second).group, kept.group);
  EXPECT_THAT(Titles(table), UnorderedElementsAre("uid 1 pid 7 (second)", "uid 1 pid 8"));
}

}  // namespace
}  // namespace accelerd
