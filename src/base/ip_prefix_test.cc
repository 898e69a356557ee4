#include "base/ip_prefix.h"

#include "gtest/gtest.h"

namespace accelerd {
namespace {

IpAddress Address(std::string_view text) {
  return ParseIpAddress(text).value();
}

TEST(IpPrefixTest, ReadsBackWhatItWrites) {
  for (const char* text : {"192.0.2.7", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::1", "2001:db8::/32", "::/0"}) {
    const auto prefix = IpPrefix::Parse(text);
    ASSERT_TRUE(prefix) << text;
    EXPECT_EQ(prefix->ToString(), text);
  }
  EXPECT_EQ(IpPrefix::Parse("192.0.2.129/25")->ToString(), "192.0.2.128/25") << "bits past the prefix do not count";
  EXPECT_EQ(IpPrefix::Parse("::ffff:192.0.2.7")->ToString(), "192.0.2.7");
  EXPECT_EQ(IpPrefix::Parse("192.0.2.7/32")->ToString(), "192.0.2.7");
}

TEST(IpPrefixTest, RefusesWhatIsNoPrefix) {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, "localhost"sv, "192.0.2"sv, "192.0.2.7/33"sv, "192.0.2.7/-1"sv, "192.0.2.7/"sv, "2001:db8::/129"sv,
        "2001:db8::/3 2"sv, "192.0.2.7\0"sv, "fe80::1%eth0"sv, "[::1]"sv}) {
    EXPECT_FALSE(IpPrefix::Parse(text)) << text;
  }
}

TEST(IpPrefixTest, ContainsWhatBeginsLikeIt) {
  const IpPrefix v4 = *IpPrefix::Parse("192.0.2.128/25");
  EXPECT_TRUE(v4.Contains(Address("192.0.2.128")));
  EXPECT_TRUE(v4.Contains(Address("192.0.2.255")));
  EXPECT_FALSE(v4.Contains(Address("192.0.2.127")));
  EXPECT_FALSE(v4.Contains(Address("2001:db8::1")));
  const IpPrefix v6 = *IpPrefix::Parse("2001:db8::/31");
  EXPECT_TRUE(v6.Contains(Address("2001:db9::1")));
  EXPECT_FALSE(v6.Contains(Address("2001:dba::1")));
  EXPECT_FALSE(IpPrefix::Parse("0.0.0.0/0")->Contains(Address("::1"))) << "of IPv4 alone";
  EXPECT_TRUE(IpPrefix().Contains(Address("192.0.2.7")));
}

TEST(IpPrefixTest, KnowsLoopback) {
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IsLoopback(Address(text))) << text;
  }
  for (const char* text : {"128.0.0.1", "::2", "::", "2001:db8::1"}) {
    EXPECT_FALSE(IsLoopback(Address(text))) << text;
  }
}

}  // namespace
}  // namespace accelerd
