#include "operator/api/quantity.h"

#include <gtest/gtest.h>

namespace wan::api {
namespace {

TEST(Quantity, IsReadWithEverySuffix) {
  for (const auto& [text, milli] : {std::pair<const char*, int64_t>{"0", 0},
                                    {"500m", 500},
                                    {"1", 1000},
                                    {"1.5", 1500},
                                    {".5", 500},
                                    {"2k", 2'000'000},
                                    {"1e3", 1'000'000},
                                    {"1E+2", 100'000},
                                    {"1E", 1'000'000'000'000'000'000 / 1000 * 1000},
                                    {"1Ki", 1'024'000},
                                    {"16Gi", 17'179'869'184'000},
                                    {"100n", 1}}) {
    const auto value = milli_value(text);
    if (std::string(text) == "1E") {
      EXPECT_FALSE(value) << "beyond what thousandths of 64 bits can say";
      continue;
    }
    ASSERT_TRUE(value) << text << ": " << value.error().message;
    EXPECT_EQ(*value, milli) << text;
  }
}

TEST(Quantity, IsRoundedUpToWholeUnits) {
  EXPECT_EQ(whole_value("1500m"), 2);
  EXPECT_EQ(whole_value("2"), 2);
  EXPECT_EQ(whole_value("1m"), 1);
  EXPECT_EQ(whole_value("0"), 0);
}

TEST(Quantity, IsRefusedWhenItIsNotOne) {
  for (const char* text :
       {"", "-1", "lots", "1.2.3", "1 Gi", "1gi", "e3", ".", "1e", "1e99", "99999999999999999999"}) {
    EXPECT_FALSE(milli_value(text)) << text;
  }
}

TEST(Quantity, IsOrderedByValue) {
  EXPECT_EQ(compare("1Gi", "1024Mi"), std::strong_ordering::equal);
  EXPECT_EQ(compare("1G", "1Gi"), std::strong_ordering::less);
  EXPECT_EQ(compare("2", "1999m"), std::strong_ordering::greater);
}

}  // namespace
}  // namespace wan::api
