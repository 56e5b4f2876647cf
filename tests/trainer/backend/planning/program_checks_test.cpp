// What is said of a value that is not finite, and which samples are named.
#include "trainer/backend/planning/program_checks.hpp"

#include <gmock/gmock.h>

#include <limits>

#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class ProgramChecksTest : public testing::Test {
 protected:
  /// The error that `look` ends in.
  template <class Look>
  BadValueError error_of(const Look& look) const {
    try {
      look(checks_);
    } catch (const BadValueError& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was found";
    return {{}, "nothing"};
  }

  Network network_ = NetworkBuilder({.channels = 2, .flat = true})
                         .vector_input({.name = "near", .length = 2})
                         .vector_input({.name = "far", .length = 2})
                         .add(Concat{}, {.name = "joined", .inputs = {"input", "near", "far"}})
                         .dense({.units = 2}, {.name = "out"})
                         .build();
  ProgramChecks checks_{network_, 3, {70, 71, 72}};
};

TEST_F(ProgramChecksTest, FiniteValuesPass) {
  const std::vector<float> values{1, -2, std::numeric_limits<float>::max(), 0, 1e-45f, -0.0f};

  EXPECT_NO_THROW(checks_.images(searched(values)));
  EXPECT_NO_THROW(checks_.vectors(searched(std::span<const float>())));
  EXPECT_NO_THROW(checks_.output(0, searched(values)));
  EXPECT_NO_THROW(checks_.passed_back(0, searched(values)));
  EXPECT_NO_THROW(checks_.parameter_gradient(1, 0, searched(values)));
}

TEST_F(ProgramChecksTest, NamesTheFirstBadSampleAndCountsTheOthers) {
  const std::vector<float> values{1, 2, 3, kInfinity, kNaN, -1};

  const BadValueError error = error_of([&](const auto& checks) { checks.output(1, searched(values)); });

  EXPECT_THAT(error.what(), HasSubstr("layer out put out inf for sample 71 in its forward pass"));
  EXPECT_EQ(error.value().place, BadPlace::output);
  EXPECT_EQ(error.value().layer, 1);
  EXPECT_EQ(error.value().value, kInfinity);
  EXPECT_EQ(error.value().samples, 2);
  EXPECT_THAT(std::vector(error.value().numbers.begin(), error.value().numbers.begin() + 2),
              ElementsAre(71u, 72u));
}

TEST_F(ProgramChecksTest, NamesTheVectorAndItsColumn) {
  std::vector<float> values(12, 0.5f);
  values[7] = kNaN;  // of sample 71: near 0, near 1, far 0, far 1

  const BadValueError error = error_of([&](const auto& checks) { checks.vectors(searched(values)); });

  EXPECT_THAT(error.what(), HasSubstr("sample 71 has a value of nan in its input far (column 1)"));
  EXPECT_EQ(error.value().place, BadPlace::vector);
  EXPECT_EQ(error.value().layer, 1);
}

TEST_F(ProgramChecksTest, DoublesBeyondFloatAreInfinite) {
  const std::vector<double> values{1, 2, 3e38, 4, -4e38, 6};

  const BadValueError error = error_of([&](const auto& checks) { checks.passed_back(0, searched(values)); });

  EXPECT_THAT(error.what(), HasSubstr("layer joined passed back -inf for sample 72 in its backward pass"));
  EXPECT_EQ(error.value().value, -kInfinity);
}

TEST_F(ProgramChecksTest, GradientsOfParametersNameTheShard) {
  const std::vector<float> values{1, kNaN};

  const BadValueError error =
      error_of([&](const auto& checks) { checks.parameter_gradient(1, 1, searched(values)); });

  EXPECT_THAT(error.what(), HasSubstr("layer out: the gradient of its bias is nan in the backward pass "
                                      "(samples 70 to 72)"));
  EXPECT_EQ(error.value().place, BadPlace::gradient);
  EXPECT_EQ(error.value().parameter, 1);
}

TEST_F(ProgramChecksTest, ImagesWithoutNumbersAreCounted) {
  const ProgramChecks prediction(network_, 3, {});
  const std::vector<float> values{1, 2, 3, 4, 5, kNaN};

  const BadValueError error = error_of([&](const auto&) { prediction.images(searched(values)); });

  EXPECT_THAT(error.what(), HasSubstr("image 2 has a pixel of nan"));
  EXPECT_EQ(error.value().samples, 0);
}

}  // namespace
}  // namespace annulus::trainer
