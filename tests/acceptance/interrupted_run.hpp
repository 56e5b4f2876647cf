// A fixture for runs that are cut short and go on: beside them stands one that was never disturbed.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/end_to_end/program.hpp"

namespace annulus::test {

/// Trains the run "whole" once for all tests of a suite.
template <class Parameter>
class InterruptedRun : public testing::TestWithParam<Parameter> {
 protected:
  /// @param images  of the dataset   @param plan  overrides of the configuration
  static void train_whole(int images, const std::vector<std::string>& plan) {
    place = std::make_unique<Workplace>(images);
    ASSERT_EQ(place->run(place->training("whole", plan)).code, 0);
  }
  static void TearDownTestSuite() { place.reset(); }

  inline static std::unique_ptr<Workplace> place;
};

}  // namespace annulus::test
