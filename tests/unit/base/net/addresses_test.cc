#include "base/net/addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wan::net {
namespace {

using boost::asio::ip::make_address;

TEST(Addresses, NobodysOwnNetworkIsPublic) {
  for (const char* text : {"8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:2800:220:1::1",
                           "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"}) {
    EXPECT_TRUE(is_public(make_address(text))) << text;
  }
  for (const char* text : {"0.0.0.0",
                           "10.1.2.3",
                           "100.64.0.1",
                           "127.0.0.1",
                           "127.255.0.1",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "198.18.0.1",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "fd00:ec2::254",
                           "fe80::1",
                           "ff02::1",
                           "2001:db8::1",
                           "2001::1",
                           "::ffff:10.0.0.1",
                           "::ffff:169.254.169.254",
                           "::10.0.0.1",
                           "64:ff9b::a00:1",
                           "2002:a00:1::1",
                           "64:ff9b:1::1"}) {
    EXPECT_FALSE(is_public(make_address(text))) << text;
  }
}

TEST(Addresses, OthersAreAllowedByTheirNetwork) {
  const std::vector<Network> networks{*parse_network("10.1.0.0/16"), *parse_network("fd00::/8"),
                                      *parse_network("192.168.7.9")};
  for (const char* text : {"10.1.255.255", "fd12::1", "192.168.7.9", "::ffff:10.1.0.1", "8.8.8.8"}) {
    EXPECT_TRUE(is_allowed(make_address(text), networks)) << text;
  }
  for (const char* text : {"10.2.0.1", "fe80::1", "192.168.7.8", "127.0.0.1"}) {
    EXPECT_FALSE(is_allowed(make_address(text), networks)) << text;
  }
}

TEST(Addresses, ANetworkIsOneOrSaysWhatOneIs) {
  EXPECT_TRUE(contains(*parse_network("10.1.2.3/8"), make_address("10.200.0.1"))) << "host bits do not count";
  for (const char* text : {"", "10.0.0.0/33", "10.0.0/8", "example.com", "10.0.0.0/-1", "10.0.0.0/8 "}) {
    const auto network = parse_network(text);
    ASSERT_FALSE(network) << text;
    EXPECT_THAT(network.error().message, ::testing::HasSubstr("10.0.0.0/8"));
  }
}

}  // namespace
}  // namespace wan::net
