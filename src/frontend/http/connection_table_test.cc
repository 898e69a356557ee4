#include "frontend/http/connection_table.h"

#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono_literals::operator""s;
using Id = ConnectionTable::Id;
using enum ConnectionPhase;

constexpr Duration kStallTime = 2s;

class ConnectionTableTest : public testing::Test {
 protected:
  static ConnectionTable Table(std::size_t places, std::size_t reserved = 0) {
    return ConnectionTable({.places = places, .reserved = reserved, .stall = kStallTime});
  }

  void Open(ConnectionTable& table, const std::string& peer, std::initializer_list<Id> ids,
            ConnectionPhase phase = kIdle) {
    for (const Id id : ids) {
      table.Open(id, peer, now_);
      if (phase != kIdle) {
        table.SetPhase(id, phase, now_);
      }
    }
  }

  /// Returns the connection that has to go for one of `peer`; 0 if there is a place; nullopt if it cannot have one.
  std::optional<Id> Victim(const ConnectionTable& table, const std::string& peer) const {
    const ConnectionTable::Room room = table.RoomFor(peer, /*with_request=*/true, now_);
    return room.free ? std::optional<Id>(0) : room.victim;
  }

  Time now_{};
};

TEST_F(ConnectionTableTest, WhoIsIdleForLongestMakesRoom) {
  ConnectionTable table = Table(3);
  EXPECT_EQ(Victim(table, "a"), 0);
  Open(table, "a", {1, 2, 3});
  EXPECT_EQ(Victim(table, "b"), 1);
  table.SetPhase(1, kServing, now_);
  EXPECT_EQ(Victim(table, "b"), 2);
  table.SetPhase(1, kIdle, now_);
  EXPECT_EQ(Victim(table, "b"), 2) << "it served a request in between";
  table.SetPhase(2, kIdle, now_);
  EXPECT_EQ(Victim(table, "b"), 3);
  table.Close(3);
  EXPECT_EQ(Victim(table, "b"), 0);
  Open(table, "a", {4});
  EXPECT_EQ(Victim(table, "b"), 1);
}

TEST_F(ConnectionTableTest, ThePeerWithMostGivesUpAnIdleOne) {
  ConnectionTable table = Table(6);
  Open(table, "small", {1});
  Open(table, "large", {2, 3, 4});
  Open(table, "middle", {5, 6});
  EXPECT_EQ(Victim(table, "new"), 2);
  table.SetPhase(2, kServing, now_);
  EXPECT_EQ(Victim(table, "new"), 3) << "those that are served count as well";
  table.SetPhase(3, kServing, now_);
  table.SetPhase(4, kServing, now_);
  EXPECT_EQ(Victim(table, "new"), 5) << "of those that have an idle one";
}

TEST_F(ConnectionTableTest, AFloodMakesRoomForItself) {
  ConnectionTable table = Table(10);
  Open(table, "quiet", {1});
  for (Id id = 2; id < 1000; ++id) {
    const auto victim = Victim(table, "flood");
    ASSERT_EQ(victim, id <= 10 ? 0 : id - 9);
    table.Close(*victim);
    Open(table, "flood", {id});
  }
}

TEST_F(ConnectionTableTest, StalledTransfersMakeRoomLikeIdleConnections) {
  ConnectionTable table = Table(4);
  Open(table, "small", {1}, kTransferring);
  Open(table, "large", {2, 3, 4}, kTransferring);
  EXPECT_EQ(Victim(table, "large"), std::nullopt) << "nothing is stalled yet";
  now_ += kStallTime - 1s;
  table.Progress(2, now_);
  now_ += 1s;
  EXPECT_TRUE(table.stalled(3, now_));
  EXPECT_FALSE(table.stalled(2, now_));
  EXPECT_EQ(Victim(table, "large"), 3);
  EXPECT_EQ(Victim(table, "small"), 3);
  EXPECT_EQ(table.IdleOrStalled(now_), 3);
  table.SetPhase(3, kServing, now_);
  table.SetPhase(4, kServing, now_);
  EXPECT_EQ(Victim(table, "new"), 1) << "no other one is stalled";
  table.SetPhase(1, kServing, now_);
  EXPECT_EQ(table.IdleOrStalled(now_), std::nullopt);
}

TEST_F(ConnectionTableTest, AStalledTransferOfAModestPeerDoesNotMakeRoomForAGreedyOne) {
  ConnectionTable table = Table(4);
  Open(table, "modest", {1}, kTransferring);
  Open(table, "greedy", {2, 3, 4}, kServing);
  now_ += kStallTime;
  EXPECT_EQ(Victim(table, "greedy"), std::nullopt);
  EXPECT_EQ(Victim(table, "new"), 1);
}

TEST_F(ConnectionTableTest, RequestsOfAPeerWithMoreThanItsShareMakeRoom) {
  ConnectionTable table = Table(5);
  Open(table, "greedy", {1, 2, 3}, kServing);
  Open(table, "modest", {4, 5}, kServing);
  EXPECT_EQ(Victim(table, "new"), 3) << "the request that began last";
  EXPECT_EQ(table.RoomFor("new", /*with_request=*/false, now_).victim, std::nullopt);
  EXPECT_EQ(Victim(table, "modest"), std::nullopt) << "they would only change places";
  EXPECT_EQ(Victim(table, "greedy"), std::nullopt);
  table.SetPhase(1, kTransferring, now_);
  table.SetPhase(2, kTransferring, now_);
  EXPECT_EQ(Victim(table, "new"), 1) << "before those that are served";
  table.Progress(1, now_);
  EXPECT_EQ(Victim(table, "new"), 2);
}

TEST_F(ConnectionTableTest, AmongEqualsNobodyLosesARequest) {
  ConnectionTable table = Table(3);
  Open(table, "a", {1}, kServing);
  Open(table, "b", {2}, kTransferring);
  Open(table, "c", {3}, kServing);
  EXPECT_EQ(Victim(table, "d"), std::nullopt);
  EXPECT_EQ(Victim(table, "a"), std::nullopt);
}

TEST_F(ConnectionTableTest, OnePeerAloneLeavesPlacesFree) {
  ConnectionTable table = Table(6, 2);
  Open(table, "greedy", {1, 2, 3, 4}, kServing);
  const ConnectionTable::Room room = table.RoomFor("greedy", true, now_);
  EXPECT_FALSE(room.free);
  EXPECT_EQ(room.victim, std::nullopt);
  EXPECT_TRUE(room.share_is_full);
  table.SetPhase(2, kIdle, now_);
  EXPECT_EQ(Victim(table, "greedy"), 2) << "its own";
  EXPECT_EQ(Victim(table, "a"), 0);
  Open(table, "a", {5}, kServing);
  Open(table, "b", {6}, kServing);
  EXPECT_FALSE(table.RoomFor("greedy", true, now_).share_is_full) << "nobody could have another one";
  EXPECT_EQ(Victim(table, "a"), 2);
}

TEST_F(ConnectionTableTest, AConnectionMovesToThePeerThatIsFound) {
  ConnectionTable table = Table(3);
  Open(table, "uid 1000", {1, 2, 3});
  table.SetPeer(1, "uid 1000 pid 7");
  EXPECT_EQ(Victim(table, "b"), 2);
  table.SetPeer(3, "uid 1000 pid 7");
  EXPECT_EQ(Victim(table, "b"), 1) << "idle for as long as before";
  table.SetPhase(2, kTransferring, now_);
  table.SetPeer(2, "uid 1000 pid 7");
  table.SetPhase(2, kIdle, now_);
  EXPECT_EQ(Victim(table, "b"), 1);
  table.Close(1);
  table.Open(4, "uid 1000", now_);
  EXPECT_EQ(Victim(table, "b"), 3);
}

TEST_F(ConnectionTableTest, WhatItDoesNotHoldIsIgnored) {
  ConnectionTable table = Table(1);
  Open(table, "a", {1});
  table.Close(1);
  table.Close(1);
  table.SetPhase(1, kIdle, now_);
  table.Progress(1, now_);
  table.SetPeer(1, "b");
  EXPECT_FALSE(table.idle(1));
  EXPECT_FALSE(table.stalled(1, now_));
  EXPECT_EQ(table.size(), 0);
  EXPECT_EQ(table.IdleOrStalled(now_), std::nullopt);
}

}  // namespace
}  // namespace accelerd
