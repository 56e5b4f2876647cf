// bfloat16, elementwise kernels, dropout and the loss of the GPU, run on the host.
#include <gmock/gmock.h>

#include <bit>
#include <set>

#include "tests/support/tensor_matchers.hpp"
#include "tests/trainer/backend/cuda/body_harness.hpp"
#include "trainer/backend/cuda/kernels/dropout_body.hpp"
#include "trainer/backend/cuda/kernels/kernel_order.hpp"
#include "trainer/backend/planning/keyed_dropout.hpp"
#include "trainer/backend/reference/softmax_loss.hpp"

namespace annulus::trainer::cuda {
namespace {

using reference::Tensor;

TEST(BFloat16, EveryValueComesBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const BFloat16 value{static_cast<std::uint16_t>(bits)};
    const float wide = to_float(value);
    if (std::isnan(wide))
      EXPECT_TRUE(std::isnan(to_float(from_float<BFloat16>(wide)))) << bits;
    else
      EXPECT_EQ(from_float<BFloat16>(wide).bits, value.bits);
  }
}

TEST(BFloat16, RoundsToTheNearestAndTiesToEven) {
  const auto rounded = [](std::uint32_t bits) {
    return from_float<BFloat16>(std::bit_cast<float>(bits)).bits;
  };

  EXPECT_EQ(rounded(0x3F807FFF), 0x3F80);  // below the middle
  EXPECT_EQ(rounded(0x3F808000), 0x3F80);  // the middle, and 0x3F80 is even
  EXPECT_EQ(rounded(0x3F818000), 0x3F82);  // the middle, and 0x3F81 is odd
  EXPECT_EQ(rounded(0x3F808001), 0x3F81);
  EXPECT_EQ(rounded(0x7F7FFFFF), 0x7F80);  // the largest float overflows
  EXPECT_TRUE(
      std::isnan(to_float(from_float<BFloat16>(std::bit_cast<float>(0x7F800001u)))));  // a payload below
}

TEST(ElementwiseBody, ActivationsAndDerivatives) {
  const std::vector<float> x{-2, -0.5f, 0, 0.5f, 2};
  for (const Activation kind : {Activation::relu, Activation::sigmoid, Activation::tanh, Activation::none}) {
    std::vector<float> y(5, NAN), dx(5, NAN);
    const std::vector<float> dy(5, 1.0f);

    run_on_host(ActivationBody<float, 1>{.x = x.data(), .y = y.data(), .elements = 5, .kind = kind});
    run_on_host(DerivativeBody<float, 1>{
        .y = y.data(), .dy = dy.data(), .dx = dx.data(), .elements = 5, .kind = kind});

    for (std::size_t i = 0; i < 5; ++i) {
      const float step = 1e-3f;
      const float slope = (activated(kind, x[i] + step) - activated(kind, x[i] - step)) / (2 * step);
      const bool kink = kind == Activation::relu && x[i] == 0;
      EXPECT_NEAR(dx[i], kink ? 0.0f : slope, 1e-3) << i;  // of a difference quotient in float
    }
  }
  EXPECT_TRUE(std::isnan(activated(Activation::relu, NAN)));
}

TEST(ElementwiseBody, BiasGoesByChannel) {
  for (const std::int32_t channels : {3, 8}) {
    std::vector<float> y(static_cast<std::size_t>(2 * channels), -1.0f),
        bias(static_cast<std::size_t>(channels));
    for (std::size_t c = 0; c < bias.size(); ++c) bias[c] = static_cast<float>(c);

    with_instance(packs_of(Element::float32, channels), [&]<class T, int P>(Instance<T, P>) {
      run_on_host(BiasActivationBody<T, P>{.y = as<T>(static_cast<void*>(y.data())),
                                           .bias = as<T>(static_cast<const void*>(bias.data())),
                                           .elements = 2 * channels,
                                           .channels = channels,
                                           .kind = Activation::relu});
    });

    for (std::size_t i = 0; i < y.size(); ++i)
      EXPECT_EQ(y[i], std::max(0.0f, static_cast<float>(i % bias.size()) - 1.0f));
  }
}

TEST(ElementwiseBody, FrameIsAddedAndTakenOff) {
  const Frame frame{
      .height = 2, .width = 3, .channels = 4, .outer_height = 4, .outer_width = 4, .top = 1, .left = 1};
  const std::vector<float> inner = test::random_floats(2 * 2 * 3 * 4, 1);
  std::vector<float> outer(2 * 4 * 4 * 4, NAN), back(inner.size(), NAN);

  run_on_host(PadBody<float, 4>{.inner = inner.data(), .outer = outer.data(), .frame = frame, .samples = 2});
  run_on_host(CropBody<float, 4>{.outer = outer.data(), .inner = back.data(), .frame = frame, .samples = 2});

  EXPECT_EQ(back, inner);
  EXPECT_EQ(std::ranges::count(outer, 0.0f), static_cast<std::ptrdiff_t>(outer.size() - inner.size()));
  EXPECT_EQ(outer[(4 + 1) * 4], inner[0]);  // row 1, column 1
}

TEST(ElementwiseBody, SumOfTerms) {
  const std::vector<float> a{1, -2, 3}, b{10, -20, 30}, c{100, 200, -400};
  std::vector<float> y(3, NAN);

  run_on_host(SumBody<float, 1>{.terms = {a.data(), b.data(), c.data()},
                                .count = 3,
                                .y = y.data(),
                                .elements = 3,
                                .kind = Activation::relu});

  EXPECT_THAT(y, testing::ElementsAre(111, 178, 0));
}

TEST(KernelOrder, FiltersComeFirst) {
  std::set<std::size_t> places;
  for_each_weight({2, 3, 4, 5}, [&](std::size_t keras, std::size_t device) {
    const std::size_t filter = keras % 5, channel = keras / 5 % 4, x = keras / 20 % 3, y = keras / 60;
    EXPECT_EQ(device, ((filter * 2 + y) * 3 + x) * 4 + channel);
    places.insert(device);
  });
  EXPECT_EQ(places.size(), 120u);
}

TEST(DropoutBody, MaskIsThatOfTheOtherBackends) {
  constexpr float kRate = 0.3f;
  const std::vector<std::uint64_t> samples{0, 7, (std::uint64_t{1} << 40) + 3};
  const StepScalars scalars{.epoch = 5};
  for (const std::int64_t size : {1, 4, 37, 64}) {
    const auto n = static_cast<std::int64_t>(samples.size());
    const std::vector<float> ones(static_cast<std::size_t>(n * size), 1.0f);
    std::vector<float> y(ones.size(), NAN);
    const DropoutMaskOf mask{stream_key(11, Purpose::dropout), 9, dropout_threshold(kRate),
                             dropout_scale(kRate)};

    const auto drop = [&]<int P>(Instance<float, P>) {
      run_on_host(DropoutBody<float, P>{.from = ones.data(),
                                        .to = y.data(),
                                        .gate = nullptr,
                                        .samples = samples.data(),
                                        .scalars = &scalars,
                                        .mask = mask,
                                        .size = static_cast<std::uint32_t>(size),
                                        .samples_count = n});
    };
    if (size % 4 == 0)
      drop(Instance<float, 4>{});
    else
      drop(Instance<float>{});

    for (std::size_t i = 0; i < samples.size(); ++i) {
      std::vector<float> factors(static_cast<std::size_t>(size));
      dropout_factors({.seed = 11, .epoch = 5, .sample = samples[i], .layer = 9}, kRate, factors);
      EXPECT_TRUE(
          std::equal(factors.begin(), factors.end(), y.begin() + static_cast<std::ptrdiff_t>(i) * size));
    }
  }
}

TEST(DropoutBody, GateClosesWhereTheReluWasZero) {
  const std::vector<float> dy(8, 2.0f), gate{1, 0, 1, 0, -0.0f, 3, 0, 1};
  const std::uint64_t sample = 3;
  const StepScalars scalars{};
  std::vector<float> dx(8, NAN);
  const DropoutMaskOf keep_all{stream_key(1, Purpose::dropout), 0, 0, 1.0f};

  run_on_host(DropoutBody<float, 4>{.from = dy.data(),
                                    .to = dx.data(),
                                    .gate = gate.data(),
                                    .samples = &sample,
                                    .scalars = &scalars,
                                    .mask = keep_all,
                                    .size = 8,
                                    .samples_count = 1});

  EXPECT_THAT(dx, testing::ElementsAre(2, 0, 2, 0, 0, 2, 0, 2));
}

struct LossCase {
  std::vector<float> logits;
  std::vector<std::int32_t> labels;
  LossOptions options;
  std::vector<float> sample_weights = {};
  std::vector<float> shares = {};
};

void expect_loss(const LossCase& given, Element gradient_element) {
  const auto samples = static_cast<std::int64_t>(given.labels.size());
  const auto classes = static_cast<std::int32_t>(given.logits.size() / given.labels.size());
  const reference::LossResult expected =
      reference::softmax_loss(Tensor(given.logits.begin(), given.logits.end()),
                              {given.labels, given.sample_weights, given.shares}, given.options);
  Stored gradient(gradient_element, given.logits.size());
  std::vector<float> head(kLossHead, NAN), probabilities(given.logits.size(), NAN);
  std::vector<float> rows(static_cast<std::size_t>(loss_scratch(samples)), NAN);
  const auto or_null = [](const std::vector<float>& values) {
    return values.empty() ? nullptr : values.data();
  };

  with_instance(elements_of(gradient_element), [&]<class T>(Instance<T>) {
    run_on_host(LossBody<float, T>{.logits = given.logits.data(),
                                   .labels = given.labels.data(),
                                   .class_weights = or_null(given.options.class_weights),
                                   .weights = or_null(given.sample_weights),
                                   .shares = or_null(given.shares),
                                   .gradient = gradient.at<T>(),
                                   .classes = classes,
                                   .samples = samples,
                                   .smoothing = given.options.label_smoothing,
                                   .top_k = given.options.top_k,
                                   .row_sums = rows.data(),
                                   .head = head.data()});
  });
  run_on_host(SoftmaxBody<float>{.logits = given.logits.data(),
                                 .probabilities = probabilities.data(),
                                 .classes = classes,
                                 .samples = samples});

  EXPECT_NEAR(head[0], expected.sum, 1e-5 * std::abs(expected.sum));
  EXPECT_EQ(head[1], static_cast<float>(expected.correct));
  EXPECT_EQ(head[2], static_cast<float>(samples));
  EXPECT_EQ(head[3], static_cast<float>(expected.top));
  EXPECT_TENSOR_NEAR(gradient.doubles(), expected.gradient,
                     .norm = gradient_element == Element::float32 ? 1e-6 : 4e-3);
  for (std::int64_t i = 0; i < samples; ++i) {
    double sum = 0;
    for (std::int32_t c = 0; c < classes; ++c)
      sum += probabilities[static_cast<std::size_t>(i * classes + c)];
    EXPECT_NEAR(sum, 1, 1e-6);
  }
}

TEST(LossBody, AsTheReference) {
  LossCase given{
      .logits = test::random_floats(8 * 5, 1), .labels = test::random_labels(8, 5, 1), .options = {}};
  for (const Element element : kElements) {
    given.options = {};
    expect_loss(given, element);
    given.options = {.label_smoothing = 0.2f, .class_weights = {0.5f, 2.0f, 0.0f, 1.0f, 3.0f}};
    expect_loss(given, element);
    for (const int k : {1, 2, 4}) {
      given.options = {.top_k = k};
      expect_loss(given, element);
    }
  }
}

TEST(LossBody, OfWeightedSamplesAndMixturesAsTheReference) {
  LossCase given{
      .logits = test::random_floats(8 * 5, 1),
      .labels = test::random_labels(8, 5, 1),
      .options = {.label_smoothing = 0.2f, .class_weights = {0.5f, 2.0f, 0.0f, 1.0f, 3.0f}, .top_k = 2},
      .sample_weights = {1, 0, 0.5f, 7, 1, 1.5f, 2, 0.25f}};
  for (const Element element : kElements) {
    given.shares.clear();
    expect_loss(given, element);
    given.shares = {0, 1, 0.5f, 0.25f, 0.499f, 0.125f, 0.875f, 0.3f};
    expect_loss(given, element);
  }
}

/// The label of the partner decides as well, but no memory beyond the weights of the classes is read for it.
TEST(LossBody, OfAMixtureWithALabelThatIsNoneIsNan) {
  const std::vector<float> logits{2, 1, 0, 1, 2, 0}, weights{1, 1, 1}, shares{1, 0.5f};
  const std::vector<std::int32_t> labels{0, 1 << 30};
  std::vector<float> head(kLossHead), rows(loss_scratch(2)), gradient(6);
  run_on_host(LossBody<float, float>{.logits = logits.data(),
                                     .labels = labels.data(),
                                     .class_weights = weights.data(),
                                     .weights = nullptr,
                                     .shares = shares.data(),
                                     .gradient = gradient.data(),
                                     .classes = 3,
                                     .samples = 2,
                                     .smoothing = 0,
                                     .top_k = 1,
                                     .row_sums = rows.data(),
                                     .head = head.data()});
  EXPECT_TRUE(std::isnan(head[0]));
  EXPECT_THAT(gradient, testing::Each(testing::IsNan()));
}

TEST(LossBody, CountsLabelsAmongTheKLargestAsTheReferenceDoes) {
  // With ties in front of the label's class and behind it, and with what is no number.
  expect_loss(
      {.logits = {3, 1, 1, 1, 0, 3, 1, 1, 1, 0, 3, 1, 1, 1, 0}, .labels = {1, 2, 3}, .options = {.top_k = 3}},
      Element::float32);
  const std::vector<float> logits{NAN, 2, 1, 0, 5, NAN, 1, 0};
  const std::vector<std::int32_t> labels{1, 1};
  std::vector<float> head(kLossHead), rows(loss_scratch(2));
  LossBody<float, float> body{.logits = logits.data(),
                              .labels = labels.data(),
                              .class_weights = nullptr,
                              .weights = nullptr,
                              .shares = nullptr,
                              .gradient = nullptr,
                              .classes = 4,
                              .samples = 2,
                              .smoothing = 0,
                              .top_k = 1,
                              .row_sums = rows.data(),
                              .head = head.data()};
  run_on_host(body);
  EXPECT_EQ(head[3], 0.0f) << "a NaN stands before the label of the first sample, and is that of the second";
  body.top_k = 2;
  run_on_host(body);
  EXPECT_EQ(head[3], 1.0f);
}

TEST(LossBody, LargeLogitsDoNotOverflow) {
  expect_loss({.logits = {1000, -1000, 999, -500, 700, 700}, .labels = {1, 1}, .options = {}},
              Element::float32);
}

TEST(LossBody, FirstOfEqualLogitsCounts) {
  const std::vector<float> logits{2, 2, 1};
  const std::vector<std::int32_t> first{0}, second{1};
  std::vector<float> head(kLossHead), rows(loss_scratch(1));
  LossBody<float, float> body{.logits = logits.data(),
                              .labels = first.data(),
                              .class_weights = nullptr,
                              .weights = nullptr,
                              .shares = nullptr,
                              .gradient = nullptr,
                              .classes = 3,
                              .samples = 1,
                              .smoothing = 0,
                              .top_k = 0,
                              .row_sums = rows.data(),
                              .head = head.data()};

  run_on_host(body);
  EXPECT_EQ(head[1], 1.0f);
  body.labels = second.data();
  run_on_host(body);
  EXPECT_EQ(head[1], 0.0f);
}

/// Every way of computing samples leaves the same numbers behind, so the sum is a matter of its own.
TEST(LossBody, SumsAreTakenInLanesThenInHalves) {
  constexpr std::int64_t kSamples = 3 * kLossLanes + 5;
  std::vector<float> rows = test::random_floats(static_cast<std::size_t>(loss_scratch(kSamples)), 3);
  for (std::size_t i = 0; i < rows.size(); i += 3) rows[i] *= 0x1p40f;  // so that the order shows in double
  const std::vector<std::int32_t> labels(static_cast<std::size_t>(kSamples));
  std::vector<double> lanes(kLossLanes);
  for (std::size_t i = 0; i < static_cast<std::size_t>(kSamples); ++i)
    lanes[i % kLossLanes] += static_cast<double>(rows[i]);
  for (std::size_t half = kLossLanes / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];

  LossBody<float, float> body{};
  body.samples = kSamples;
  body.row_sums = rows.data();
  std::vector<double> losses;
  for (int lane = 0; lane < kLossLanes; ++lane) losses.push_back(body.lane(lane).loss);

  EXPECT_EQ(tree_sum(losses), lanes[0]);
}

TEST(LossBody, AHeadSumsEverySampleOnce) {
  constexpr std::int32_t kSamples = 2 * kLossLanes + 3;
  const std::vector<float> logits(2 * kSamples, 0.0f);  // each loss is log 2, each guess the first class
  std::vector<std::int32_t> labels(kSamples, 0);
  labels.back() = labels[kLossLanes] = 1;
  std::vector<float> head(kLossHead, NAN), rows(loss_scratch(kSamples), NAN);
  run_on_host(LossBody<float, float>{.logits = logits.data(),
                                     .labels = labels.data(),
                                     .class_weights = nullptr,
                                     .weights = nullptr,
                                     .shares = nullptr,
                                     .gradient = nullptr,
                                     .classes = 2,
                                     .samples = kSamples,
                                     .smoothing = 0,
                                     .top_k = 0,
                                     .row_sums = rows.data(),
                                     .head = head.data()});

  EXPECT_FLOAT_EQ(head[0], kSamples * std::log(2.0f));
  EXPECT_EQ(head[1], static_cast<float>(kSamples - 2));
  EXPECT_EQ(head[2], static_cast<float>(kSamples));
}

template <class From, class To>
void expect_converted(std::size_t count, std::size_t from_shift, std::size_t to_shift) {
  alignas(16) From from[48] = {};
  alignas(16) To to[48] = {};
  for (std::size_t i = 0; i < count; ++i)
    from[from_shift + i] = from_float<From>(1.0f + static_cast<float>(i) / 512);  // bfloat16 rounds these
  const To untouched = from_float<To>(-7.0f);
  std::ranges::fill(to, untouched);

  run_on_host(ConvertBody<From, To>{
      .from = from + from_shift, .to = to + to_shift, .elements = static_cast<std::int64_t>(count)});

  for (std::size_t i = 0; i < 48; ++i) {
    const bool inside = i >= to_shift && i < to_shift + count;
    const float expected =
        inside ? to_float(from_float<To>(to_float(from[from_shift + i - to_shift]))) : -7.0f;
    EXPECT_EQ(to_float(to[i]), expected) << "element " << i << " of " << count;
  }
}

TEST(ConvertBody, EachElementOnceWhereverItLies) {
  for (const std::size_t count : {1, 8, 23, 32})
    for (const auto& [from, to] : {std::pair{0, 0}, {1, 0}, {0, 3}, {4, 4}, {8, 8}}) {
      expect_converted<float, float>(count, from, to);
      expect_converted<float, BFloat16>(count, from, to);
      expect_converted<BFloat16, float>(count, from, to);
      expect_converted<BFloat16, BFloat16>(count, from, to);
    }
  alignas(16) const float values[8] = {};
  alignas(16) BFloat16 halves[8];
  const auto packs = [&](const float* from, std::int64_t count) {
    return ConvertBody<float, BFloat16>{.from = from, .to = halves, .elements = count}.indices();
  };
  EXPECT_EQ(packs(values, 7), 2);
  EXPECT_EQ(packs(values + 1, 7), 7);
}

TEST(FindBadBody, NamesTheFirst) {
  std::vector<float> values(10, 1.0f);
  std::int64_t found = 7;
  run_on_host(FindBadBody<float>{.values = values.data(), .elements = 10, .found = &found});
  EXPECT_EQ(found, -1);
  values[8] = NAN;
  values[4] = -INFINITY;
  run_on_host(FindBadBody<float>{.values = values.data(), .elements = 10, .found = &found});
  EXPECT_EQ(found, 4);
}

}  // namespace
}  // namespace annulus::trainer::cuda
