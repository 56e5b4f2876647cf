// Of several bad values the one that a step meets first is told: the others follow from it.
#include <gtest/gtest.h>

#include <vector>

#include "trainer/loop/diagnosis.hpp"

namespace annulus::trainer {
namespace {

TEST(BadValues, AreMetForwardAndThenBackward) {
  const std::vector<BadValue> met{
      {.place = BadPlace::image},
      {.place = BadPlace::vector, .layer = 0},
      {.place = BadPlace::output, .layer = 1},
      {.place = BadPlace::output, .layer = 2},
      {.place = BadPlace::loss},
      {.place = BadPlace::passed_back, .layer = 2},
      {.place = BadPlace::gradient, .layer = 2},
      {.place = BadPlace::passed_back, .layer = 1},
      {.place = BadPlace::gradient, .layer = 1},
  };

  for (std::size_t one = 0; one < met.size(); ++one)
    for (std::size_t other = 0; other < met.size(); ++other)
      EXPECT_EQ(is_met_earlier(met[one], met[other]), one < other) << one << " and " << other;
}

}  // namespace
}  // namespace annulus::trainer
