// The nearest name does not depend on capital letters.
#include "base/nearest_name.hpp"

#include <gtest/gtest.h>

namespace annulus::io {
namespace {

TEST(NearestName, TakesCapitalLettersForSmallOnes) {
  EXPECT_EQ(nearest_name("ADAMWX", {"sgd", "adam", "adamw"}), "adamw");
  EXPECT_EQ(nearest_name("RMSProp", {"sgd", "rmsprop"}), "rmsprop");
  EXPECT_EQ(nearest_name("x_train", {"X_Train", "labels"}), "X_Train");
  EXPECT_EQ(nearest_name("LION", {"sgd", "adam"}), "");
}

}  // namespace
}  // namespace annulus::io
