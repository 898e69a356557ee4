#include "frontend/http/connection_table.h"

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(ConnectionTableTest, WhoIsIdleForLongestIsReplaced) {
  ConnectionTable table;
  EXPECT_EQ(table.Replaceable(), std::nullopt);
  for (const ConnectionTable::Id id : {1, 2, 3}) {
    table.Open(id, "a");
  }
  EXPECT_EQ(table.Replaceable(), 1);
  table.SetBusy(1);
  EXPECT_EQ(table.Replaceable(), 2);
  table.SetIdle(1);
  EXPECT_EQ(table.Replaceable(), 2) << "it served a request in between";
  table.SetIdle(2);
  EXPECT_EQ(table.Replaceable(), 3);
  table.Close(3);
  EXPECT_EQ(table.Replaceable(), 1);
  EXPECT_EQ(table.size(), 2);
}

TEST(ConnectionTableTest, WhoIsBusyIsNotReplaced) {
  ConnectionTable table;
  table.Open(1, "a");
  table.SetBusy(1);
  table.SetBusy(1);
  EXPECT_EQ(table.Replaceable(), std::nullopt);
  EXPECT_EQ(table.size(), 1);
}

TEST(ConnectionTableTest, WhoHasMostGivesUpOne) {
  ConnectionTable table;
  table.Open(1, "small");
  for (const ConnectionTable::Id id : {2, 3, 4}) {
    table.Open(id, "large");
  }
  table.Open(5, "middle");
  table.Open(6, "middle");
  EXPECT_EQ(table.Replaceable(), 2);
  table.SetBusy(2);
  EXPECT_EQ(table.Replaceable(), 3) << "busy ones count as well";
  table.SetBusy(3);
  table.SetBusy(4);
  EXPECT_EQ(table.Replaceable(), 5) << "of those that can give up one";
  table.Close(3);
  table.Close(4);
  table.Close(5);
  EXPECT_EQ(table.Replaceable(), 1) << "among equals the one that is idle for longest";
}

TEST(ConnectionTableTest, AFloodIsReplacedByItself) {
  ConnectionTable table;
  table.Open(1, "quiet");
  for (ConnectionTable::Id id = 2; id < 1000; ++id) {
    table.Open(id, "flood");
    if (table.size() > 10) {
      const auto replaced = table.Replaceable();
      ASSERT_EQ(replaced, id - 9);
      table.Close(*replaced);
    }
  }
}

TEST(ConnectionTableTest, AConnectionMovesToThePeerThatIsFound) {
  ConnectionTable table;
  for (const ConnectionTable::Id id : {1, 2, 3}) {
    table.Open(id, "address 127.0.0.1");
  }
  table.SetPeer(1, "uid 1000 pid 7");
  EXPECT_EQ(table.Replaceable(), 2);
  table.SetPeer(3, "uid 1000 pid 7");
  EXPECT_EQ(table.Replaceable(), 1) << "idle for as long as before";
  table.SetBusy(2);
  table.SetPeer(2, "uid 1000 pid 7");
  table.SetIdle(2);
  EXPECT_EQ(table.Replaceable(), 1);
  table.Close(1);
  EXPECT_EQ(table.Replaceable(), 3);
}

TEST(ConnectionTableTest, WhatItDoesNotHoldIsIgnored) {
  ConnectionTable table;
  table.Open(1, "a");
  table.Close(1);
  table.Close(1);
  table.SetIdle(1);
  table.SetBusy(1);
  table.SetPeer(1, "b");
  EXPECT_EQ(table.size(), 0);
  EXPECT_EQ(table.Replaceable(), std::nullopt);
}

}  // namespace
}  // namespace accelerd
