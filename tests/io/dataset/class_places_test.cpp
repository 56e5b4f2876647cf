// Which samples of a class are chosen says nothing about which of another are.
#include <gtest/gtest.h>

#include <vector>

#include "io/dataset/stratified_choice.hpp"

namespace annulus::io {
namespace {

TEST(StratifiedChoice, ChoosesOtherPlacesInEachClass) {
  constexpr std::size_t kOfAClass = 200;
  std::vector<std::int32_t> labels(kOfAClass, 0);
  labels.resize(2 * kOfAClass, 1);

  const std::vector<bool> chosen = choose_stratified(labels, 0.2, 1).chosen;

  const auto middle = chosen.begin() + kOfAClass;
  EXPECT_NE(std::vector<bool>(chosen.begin(), middle), std::vector<bool>(middle, chosen.end()));
}

}  // namespace
}  // namespace annulus::io
