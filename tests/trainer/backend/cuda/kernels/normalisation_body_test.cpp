// Column sums, bias gradients, batch norm and local response norm of the GPU, run on the host.
#include <gtest/gtest.h>

#include "tests/support/tensor_matchers.hpp"
#include "tests/trainer/backend/cuda/body_harness.hpp"
#include "tests/trainer/backend/reference/kernel_harness.hpp"
#include "trainer/backend/cuda/kernels/normalisation_body.hpp"

namespace annulus::trainer::cuda {
namespace {

using reference::KernelHarness;
using reference::Tensor;

void expect_near(Stored& actual, const Tensor& expected) {
  EXPECT_TENSOR_NEAR(actual.doubles(), expected, rounding_of(actual.element()));
}

/// float32 results, of tensors of either element type.
void expect_near(const std::vector<float>& actual, const Tensor& expected) {
  EXPECT_TENSOR_NEAR(Tensor(actual.begin(), actual.end()), expected, 1e-5);
}

TEST(ColumnSums, EveryRowCountsOnceInEveryPlan) {
  for (const std::int64_t rows : {1, 7, 512, 4097, 100'003})
    for (const std::int64_t columns : {1, 3, 4, 10, 32, 130, 1000}) {
      if (rows * columns > 4'000'000) continue;
      SCOPED_TRACE(testing::Message() << rows << " rows, " << columns << " columns");
      const ColumnPlan plan = plan_columns_of(rows, columns);
      std::vector<float> dy(static_cast<std::size_t>(rows * columns));
      for (std::size_t i = 0; i < dy.size(); ++i)
        dy[i] = static_cast<float>(i % static_cast<std::size_t>(columns));
      std::vector<float> sums(static_cast<std::size_t>(columns), NAN), partials(plan.partials(1), NAN);

      const auto sum = [&]<int P>(Instance<float, P>) {
        run_on_host(BiasGradientBody<float, P>{.dy = dy.data(),
                                               .y = nullptr,
                                               .kind = Activation::none,
                                               .gradient = sums.data(),
                                               .plan = plan,
                                               .partials = partials.data()});
      };
      if (plan.pack == kColumnPack)
        sum(Instance<float, kColumnPack>{});
      else
        sum(Instance<float>{});

      for (std::int64_t c = 0; c < columns; ++c)  // whole numbers below 2^24: exact in any order
        if (c * rows < (1 << 24)) {
          EXPECT_EQ(sums[static_cast<std::size_t>(c)], static_cast<float>(c * rows)) << c;
        }
      EXPECT_LE(plan.chunks * plan.tiles, 2048 + plan.tiles);
    }
}

TEST(BiasGradientBody, TakesTheDerivativeAlong) {
  for (const Element element : kElements)
    for (const Activation kind : {Activation::relu, Activation::sigmoid, Activation::tanh}) {
      constexpr std::int64_t kRows = 70, kChannels = 12;
      Stored y = random_stored(element, kRows * kChannels, 1),
             dy = random_stored(element, kRows * kChannels, 2);
      const Tensor outputs = y.doubles(), gradients = dy.doubles();
      Tensor chained_gradients(outputs.size()), expected(kChannels, 0.0);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        const double slope = kind == Activation::relu      ? (outputs[i] > 0 ? 1.0 : 0.0)
                             : kind == Activation::sigmoid ? outputs[i] * (1 - outputs[i])
                                                           : 1 - outputs[i] * outputs[i];
        chained_gradients[i] = gradients[i] * slope;
        expected[i % kChannels] += chained_gradients[i];
      }
      std::vector<float> sums(kChannels, NAN);
      const ColumnPlan plan = plan_columns_of(kRows, kChannels);
      std::vector<float> partials(plan.partials(1), NAN);

      with_instance(quads_of(element, plan.pack), [&]<class T, int P>(Instance<T, P>) {
        run_on_host(BiasGradientBody<T, P>{.dy = dy.at<T>(),
                                           .y = y.at<T>(),
                                           .kind = kind,
                                           .gradient = sums.data(),
                                           .plan = plan,
                                           .partials = partials.data()});
      });

      expect_near(sums, expected);
      expect_near(dy, chained_gradients);
    }
}

TEST(BatchNormBody, AsTheReference) {
  constexpr std::int64_t kSamples = 4;
  for (const Element element : kElements)
    for (const std::int64_t channels : {5, 16}) {
      const Network network =
          NetworkBuilder({.height = 6, .width = 5, .channels = channels}).add(BatchNorm{}).build();
      const std::int64_t count = kSamples * 30 * channels;
      std::vector<float> far = test::random_floats(static_cast<std::size_t>(count), 1);
      for (float& value : far) value += 3;  // a mean far from zero, where naive sums of squares lose digits
      Stored x(element, far), dy = random_stored(element, count, 2),
                              y(element, static_cast<std::size_t>(count));
      Stored dx(element, static_cast<std::size_t>(count));
      const std::size_t c = static_cast<std::size_t>(channels);
      const std::vector<float> gamma = test::random_floats(c, 3), beta = test::random_floats(c, 4);
      KernelHarness reference(
          network, {x.doubles()},
          {Tensor(gamma.begin(), gamma.end()), Tensor(beta.begin(), beta.end()), Tensor(c), Tensor(c)});
      std::vector<float> mean(c), inverse(c), mean_sum(c), variance_sum(c), dgamma(c), dbeta(c);
      const ColumnPlan plan = plan_columns_of(count / channels, channels);
      std::vector<float> partials(plan.partials(2), NAN);
      const ChannelStatistics of{mean.data(), inverse.data(), gamma.data(), beta.data(),
                                 static_cast<std::int32_t>(channels)};

      const QuadInstance column_packs = quads_of(element, plan.pack);
      const PackInstance packs = packs_of(element, channels);
      with_instance(column_packs, [&]<class T, int P>(Instance<T, P>) {
        run_on_host(StatisticsBody<T, P>{.x = x.at<T>(),
                                         .samples = 4.0f,
                                         .epsilon = 1e-3f,
                                         .mean = mean.data(),
                                         .inverse_deviation = inverse.data(),
                                         .mean_sum = mean_sum.data(),
                                         .variance_sum = variance_sum.data(),
                                         .plan = plan,
                                         .partials = partials.data()});
      });
      with_instance(packs, [&]<class T, int P>(Instance<T, P>) {
        run_on_host(BatchNormForwardBody<T, P>{
            .x = x.at<T>(), .y = y.at<T>(), .of = of, .kind = Activation::none, .elements = count});
      });
      with_instance(column_packs, [&]<class T, int P>(Instance<T, P>) {
        run_on_host(BatchNormGradientBody<T, P>{.x = x.at<T>(),
                                                .y = nullptr,
                                                .dy = dy.at<T>(),
                                                .of = of,
                                                .kind = Activation::none,
                                                .dgamma = dgamma.data(),
                                                .dbeta = dbeta.data(),
                                                .plan = plan,
                                                .partials = partials.data()});
      });
      with_instance(packs, [&]<class T, int P>(Instance<T, P>) {
        run_on_host(BatchNormBackwardBody<T, P>{.x = x.at<T>(),
                                                .dy = dy.at<T>(),
                                                .dx = dx.at<T>(),
                                                .of = of,
                                                .dgamma = dgamma.data(),
                                                .dbeta = dbeta.data(),
                                                .rows = static_cast<float>(count / channels),
                                                .elements = count});
      });

      expect_near(y, reference.forward());
      expect_near(dx, reference.backward(dy.doubles())[0]);
      expect_near(dgamma, reference.node().parameter_gradients[0]);
      expect_near(dbeta, reference.node().parameter_gradients[1]);
      for (std::size_t i = 0; i < c; ++i) {
        EXPECT_NEAR(mean_sum[i], 4 * reference.node().saved[i], 1e-5 * std::abs(mean_sum[i]));
        EXPECT_NEAR(variance_sum[i], 4 * reference.node().saved[c + i], 1e-5 * variance_sum[i]);
      }
    }
}

TEST(ResponseNormBody, AsTheReference) {
  for (const Element element : kElements)
    for (const LocalResponseNorm& norm :
         {LocalResponseNorm{}, LocalResponseNorm{.size = 3, .alpha = 0.7f, .beta = 0.6f, .k = 1.0f}}) {
      const Network network = NetworkBuilder({.height = 3, .width = 2, .channels = 11}).add(norm).build();
      constexpr std::int64_t kCount = 2 * 3 * 2 * 11;
      Stored x = random_stored(element, kCount, 1), dy = random_stored(element, kCount, 2);
      Stored y(element, std::size_t{kCount}), dx(element, std::size_t{kCount});
      std::vector<float> scale(kCount, NAN), terms(kCount, NAN);
      KernelHarness reference(network, {x.doubles()});
      const ResponseNormShape shape{11, static_cast<std::int32_t>(norm.size / 2), norm.alpha, norm.beta,
                                    norm.k};

      with_instance(elements_of(element), [&]<class T>(Instance<T>) {
        run_on_host(ResponseNormForwardBody<T>{
            .x = x.at<T>(), .y = y.at<T>(), .scale = scale.data(), .shape = shape, .elements = kCount});
        run_on_host(ResponseNormTermsBody<T>{.x = x.at<T>(),
                                             .dy = dy.at<T>(),
                                             .scale = scale.data(),
                                             .terms = terms.data(),
                                             .shape = shape,
                                             .elements = kCount});
        run_on_host(ResponseNormBackwardBody<T>{.x = x.at<T>(),
                                                .dy = dy.at<T>(),
                                                .scale = scale.data(),
                                                .terms = terms.data(),
                                                .dx = dx.at<T>(),
                                                .shape = shape,
                                                .elements = kCount});
      });

      expect_near(y, reference.forward());
      expect_near(dx, reference.backward(dy.doubles())[0]);
    }
}

TEST(ResponseNormBody, TheUsualPowerIsAsGoodAsAnyOther) {
  const ResponseNormShape usual{.channels = 1, .reach = 0, .alpha = 1, .beta = 0.75f, .k = 1};
  ResponseNormShape other = usual;
  other.beta = 0.6f;
  for (const float s : {1e-30f, 1e-3f, 0.7f, 1.0f, 2.0f, 17.3f, 1e4f, 1e30f})
    for (const ResponseNormShape& shape : {usual, other}) {
      const double exact = std::pow(static_cast<double>(s), -static_cast<double>(shape.beta));
      EXPECT_NEAR(inverse_power(shape, s), exact, 3 * 0x1p-24 * exact) << s << " and " << shape.beta;
    }
}

}  // namespace
}  // namespace annulus::trainer::cuda
