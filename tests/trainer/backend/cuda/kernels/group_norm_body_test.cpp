// Group norm of the GPU, run on the host.
#include "trainer/backend/cuda/kernels/group_norm_body.hpp"

#include <gtest/gtest.h>

#include "tests/support/tensor_matchers.hpp"
#include "tests/trainer/backend/cuda/body_harness.hpp"
#include "tests/trainer/backend/reference/kernel_harness.hpp"

namespace annulus::trainer::cuda {
namespace {

using reference::KernelHarness;
using reference::Tensor;

void expect_near(Stored& actual, const Tensor& expected) {
  EXPECT_TENSOR_NEAR(actual.doubles(), expected, rounding_of(actual.element()));
}
void expect_near(const std::vector<float>& actual, const Tensor& expected) {
  EXPECT_TENSOR_NEAR(Tensor(actual.begin(), actual.end()), expected, 1e-5);
}

struct Case {
  std::int32_t channels, groups;
};

/// One layer in an element type, with everything that its kernels fill in poisoned.
class GroupNormBodies {
 public:
  GroupNormBodies(Element element, const Case& which)
      : element_(element),
        shape_{.samples = 3, .pixels = 6 * 5, .channels = which.channels, .groups = which.groups},
        x_(element, far_from_zero()),
        dy_(random_stored(element, shape_.elements(), 2)),
        y_(element, elements()),
        dx_(element, elements()),
        gamma_(test::random_floats(channels(), 3)),
        beta_(test::random_floats(channels(), 4)) {}

  void run() {
    std::vector<double> sums(2 * 3 * channels(), NAN);
    const auto groups = static_cast<std::size_t>(shape_.sample_groups());
    std::vector<float> mean(groups, NAN), inverse(groups, NAN), means(2 * groups, NAN);
    const GroupStatistics of{mean.data(), inverse.data(), gamma_.data(), beta_.data(), shape_};
    const PackInstance packs = packs_of(element_, shape_.channels);
    with_instance(elements_of(element_), [&]<class T>(Instance<T>) {
      run_on_host(ChannelMomentsBody<T>{.x = x_.at<T>(), .sums = sums.data(), .shape = shape_});
    });
    run_on_host(GroupStatisticsBody{.sums = sums.data(),
                                    .epsilon = 1e-3f,
                                    .mean = mean.data(),
                                    .inverse_deviation = inverse.data(),
                                    .shape = shape_});
    with_instance(packs, [&]<class T, int P>(Instance<T, P>) {
      run_on_host(GroupNormForwardBody<T, P>{.x = x_.at<T>(), .y = y_.at<T>(), .of = of});
    });
    with_instance(elements_of(element_), [&]<class T>(Instance<T>) {
      run_on_host(ChannelGradientsBody<T>{.x = x_.at<T>(), .dy = dy_.at<T>(), .sums = sums.data(), .of = of});
    });
    run_on_host(GroupNormGradientBody{
        .sums = sums.data(), .dgamma = dgamma_.data(), .dbeta = dbeta_.data(), .shape = shape_});
    run_on_host(
        GroupMeansBody{.sums = sums.data(), .gamma = gamma_.data(), .means = means.data(), .shape = shape_});
    with_instance(packs, [&]<class T, int P>(Instance<T, P>) {
      run_on_host(GroupNormBackwardBody<T, P>{
          .x = x_.at<T>(), .dy = dy_.at<T>(), .dx = dx_.at<T>(), .of = of, .means = means.data()});
    });
  }

  void expect_as_the_reference() {
    const Network network = NetworkBuilder({.height = 6, .width = 5, .channels = shape_.channels})
                                .add(GroupNorm{.groups = shape_.groups})
                                .build();
    KernelHarness reference(network, {x_.doubles()},
                            {Tensor(gamma_.begin(), gamma_.end()), Tensor(beta_.begin(), beta_.end())});
    expect_near(y_, reference.forward());
    expect_near(dx_, reference.backward(dy_.doubles())[0]);
    expect_near(dgamma_, reference.node().parameter_gradients[0]);
    expect_near(dbeta_, reference.node().parameter_gradients[1]);
  }

 private:
  std::size_t channels() const { return static_cast<std::size_t>(shape_.channels); }
  std::size_t elements() const { return static_cast<std::size_t>(shape_.elements()); }
  /// A mean where naive sums of squares in float lose digits.
  std::vector<float> far_from_zero() const {
    std::vector<float> values = test::random_floats(elements(), 1);
    for (float& value : values) value += 3;
    return values;
  }

  Element element_;
  GroupShape shape_;
  Stored x_, dy_, y_, dx_;
  std::vector<float> gamma_, beta_;
  std::vector<float> dgamma_ = std::vector<float>(channels(), NAN);
  std::vector<float> dbeta_ = std::vector<float>(channels(), NAN);
};

TEST(GroupNormBody, AsTheReference) {
  for (const Element element : kElements)
    for (const Case& which : {Case{6, 3}, Case{16, 4}, Case{16, 1}, Case{24, 2}, Case{5, 5}}) {
      SCOPED_TRACE(testing::Message() << which.channels << " channels in " << which.groups << " groups");
      GroupNormBodies bodies(element, which);
      bodies.run();
      bodies.expect_as_the_reference();
    }
}

}  // namespace
}  // namespace annulus::trainer::cuda
