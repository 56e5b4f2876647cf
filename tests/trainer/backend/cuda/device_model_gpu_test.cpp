// The model on a GPU against the reference backend on every kind of layer: losses, counts, gradients, batch
// statistics and probabilities, in every precision.
#include "trainer/backend/cuda/device_model.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "comm/cuda/cuda.hpp"
#include "tests/support/exact_data.hpp"
#include "tests/support/oracle_networks.hpp"
#include "tests/support/replica_harness.hpp"
#include "tests/support/tensor_matchers.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer::cuda {
namespace {

using test::ParameterValues;
using test::Samples;
using test::ShardOutcome;

/// Whether the layer takes one of two ways, by the value that it sees.
bool decides(const Layer& layer) {
  const auto* activate = std::get_if<Activate>(&layer.operation);
  const auto* pool = std::get_if<Pool2d>(&layer.operation);
  const auto* global = std::get_if<GlobalPool>(&layer.operation);
  return layer.activation == Activation::relu || (activate && activate->kind == Activation::relu) ||
         (pool && pool->kind == PoolKind::max) || (global && global->kind == PoolKind::max);
}

/// Data for a network in a precision that rounds. A ReLU or a max pool that decides on rounded values may
/// decide otherwise than the reference and move a whole term of a gradient, which is right and far larger
/// than rounding. Whole numbers are not rounded on their way, so that all decisions agree. Only behind a
/// response norm nothing is exact: a network with decisions there is held to wide bounds, its layers to sharp
/// ones in other networks.
enum class Data { random, exact, random_with_wide_bounds };
Data data_for(const Network& network, Precision precision) {
  if (precision == Precision::float32 || std::ranges::none_of(network.layers, decides)) return Data::random;
  const auto norm = std::ranges::find_if(network.layers, [](const Layer& layer) {
    return std::holds_alternative<LocalResponseNorm>(layer.operation);
  });
  return std::any_of(norm, network.layers.end(), decides) ? Data::random_with_wide_bounds : Data::exact;
}

/// Largest relative error by norm. float32: sums of a few thousand products round to some 1e-7 of their size,
/// and several layers add up. tf32 keeps 11 bits of each factor, bfloat16 8 bits of every tensor.
double tolerance_of(const Network& network, Precision precision) {
  if (precision == Precision::float32) return 1e-5;
  const bool wide = data_for(network, precision) == Data::random_with_wide_bounds;
  if (precision == Precision::tf32) return wide ? 5e-2 : 1e-3;
  return wide ? 0.3 : 1e-2;
}

template <class T>
comm::DeviceBuffer<T> to_device(std::span<const T> values, const comm::Stream& stream) {
  comm::DeviceBuffer<T> buffer(std::max<std::size_t>(values.size(), 1), "test");
  comm::copy_to_device(buffer.get(), values, stream.get());
  stream.synchronize();
  return buffer;
}

/// The model with a stream and the host's view of its buffers.
class Driver {
 public:
  Driver(const Network& network, const CompileOptions& options, Precision precision)
      : model_(network, options, precision), gradients_(gradient_elements(model_.layout()), "test") {}

  DeviceModel& model() { return model_; }
  const comm::Stream& stream() const { return stream_; }

  void set_parameters(const ParameterValues& values) {
    std::vector<float> parameters(model_.layout().trainable_count),
        statistics(model_.layout().statistics_count);
    for (const Segment& segment : model_.layout().trainable)
      model_.write(segment, values.at(segment.layer).at(segment.parameter), parameters);
    for (const Segment& segment : model_.layout().statistics)
      model_.write(segment, values.at(segment.layer).at(segment.parameter), statistics);
    comm::copy_to_device(model_.parameters(), std::span<const float>(parameters), stream_.get());
    comm::copy_to_device(model_.statistics(), std::span<const float>(statistics), stream_.get());
    model_.parameters_changed(stream_.get());
    stream_.synchronize();
  }

  /// The whole gradient buffer, which held NaN before.
  std::vector<float> train(const Samples& samples, std::uint32_t epoch) {
    const std::vector<float> poison(gradients_.size(), std::numeric_limits<float>::quiet_NaN());
    comm::copy_to_device(gradients_.get(), std::span<const float>(poison), stream_.get());
    const StepScalars scalars{.epoch = epoch};
    const auto images = to_device(std::span<const float>(samples.images), stream_);
    const auto vectors = to_device(std::span<const float>(samples.vectors), stream_);
    const auto labels = to_device(std::span<const std::int32_t>(samples.labels), stream_);
    const auto numbers = to_device(std::span<const std::uint64_t>(samples.numbers), stream_);
    const auto step = to_device(std::span<const StepScalars>(&scalars, 1), stream_);
    ready_.clear();
    model_.train({.images = images.get(),
                  .vectors = vectors.get(),
                  .labels = labels.get(),
                  .samples = numbers.get(),
                  .scalars = step.get(),
                  .size = static_cast<std::int64_t>(samples.labels.size())},
                 gradients_.get(), stream_.get(), [&](std::size_t ready) { ready_.push_back(ready); });
    std::vector<float> gradients(gradients_.size());
    comm::copy_to_host(std::span<float>(gradients), gradients_.get(), stream_.get());
    stream_.synchronize();
    return gradients;
  }

  ShardOutcome outcome(const std::vector<float>& buffer) const {
    const ArenaLayout& layout = model_.layout();
    ShardOutcome outcome{.loss = buffer[kLossSum],
                         .correct = buffer[kCorrectCount],
                         .top = buffer[kTopCount],
                         .samples = buffer[kSampleCount],
                         .gradients = {}};
    for (const Layer& layer : model_.network().layers)
      outcome.gradients.emplace_back(layer.parameters.size());
    const auto read = [&](const std::vector<Segment>& segments, std::span<const float> arena) {
      for (const Segment& segment : segments)
        outcome.gradients[segment.layer][segment.parameter] = model_.read(segment, arena);
    };
    const std::span<const float> all(buffer);
    read(layout.statistics, all.subspan(kGradientHead, layout.statistics_count));
    read(layout.trainable, all.subspan(gradient_offset(layout)));
    return outcome;
  }

  std::vector<float> predict(const Samples& samples, std::int64_t n) {
    const auto images = to_device(std::span<const float>(samples.images), stream_);
    const auto vectors = to_device(std::span<const float>(samples.vectors), stream_);
    std::vector<float> probabilities(static_cast<std::size_t>(n * model_.network().classes()));
    comm::DeviceBuffer<float> result(probabilities.size(), "test");
    model_.predict(
        {.images = images.get(), .vectors = vectors.get(), .size = n, .probabilities = result.get()},
        stream_.get());
    comm::copy_to_host(std::span<float>(probabilities), result.get(), stream_.get());
    stream_.synchronize();
    return probabilities;
  }

  const std::vector<std::size_t>& ready() const { return ready_; }

 private:
  DeviceModel model_;
  comm::Stream stream_;
  comm::DeviceBuffer<float> gradients_;
  std::vector<std::size_t> ready_;
};

/// What rounding leaves of a gradient whose terms cancel, like that of a bias before a batch norm, which is
/// zero in exact arithmetic: measured against the layer's kernel, whose terms have about the same size.
double rounding_of(const ShardOutcome& outcome, std::size_t layer, double tolerance) {
  double squares = 0;
  for (const float value : outcome.gradients[layer][0]) squares += value * value;
  return tolerance * std::sqrt(squares);
}

void expect_equal_outcomes(const Network& network, const ShardOutcome& actual, const ShardOutcome& expected,
                           double tolerance) {
  EXPECT_NEAR(actual.loss, expected.loss, tolerance * std::abs(expected.loss));
  if (tolerance < 1e-4) {  // else rounding may swap the two largest logits
    EXPECT_EQ(actual.correct, expected.correct);
    EXPECT_EQ(actual.top, expected.top);
  }
  EXPECT_EQ(actual.samples, expected.samples);
  for (std::size_t layer = 0; layer < network.layers.size(); ++layer)
    for (std::size_t i = 0; i < network.layers[layer].parameters.size(); ++i) {
      SCOPED_TRACE(network.layers[layer].name + "/" + network.layers[layer].parameters[i].name);
      EXPECT_TENSOR_NEAR(actual.gradients[layer][i], expected.gradients[layer][i], .norm = tolerance,
                         .absolute = rounding_of(expected, layer, tolerance));
    }
}

struct Case {
  test::OracleNetwork oracle;
  Precision precision;
};
void PrintTo(const Case& which, std::ostream* out) { *out << which.oracle.name; }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16})
    for (const test::OracleNetwork& oracle : test::oracle_networks()) all.push_back({oracle, precision});
  return all;
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  const char* precision = info.param.precision == Precision::float32 ? "Float32"
                          : info.param.precision == Precision::tf32  ? "Tf32"
                                                                     : "Bfloat16";
  return info.param.oracle.name + precision;
}

/// Compared are sums and derivatives, not how an image or a weight is rounded: that a backend may not help.
class DeviceModelOracle : public testing::TestWithParam<Case> {
 protected:
  ParameterValues parameters() const {
    if (exact()) return test::exact_parameters(GetParam().oracle.network, 17);
    ParameterValues values = test::random_parameters(GetParam().oracle.network, 17);
    if (GetParam().precision == Precision::bfloat16)
      for (auto& layer : values)
        for (auto& tensor : layer) std::ranges::transform(tensor, tensor.begin(), test::rounded_to_bfloat16);
    return values;
  }
  Samples samples(std::int64_t n, std::uint64_t seed) const {
    if (exact()) return test::exact_samples(GetParam().oracle.network, n, seed);
    Samples all = test::random_samples(GetParam().oracle.network, n, seed);
    if (GetParam().precision == Precision::bfloat16)
      for (auto* const values : {&all.images, &all.vectors})
        std::ranges::transform(*values, values->begin(), test::rounded_to_bfloat16);
    return all;
  }

 private:
  bool exact() const { return data_for(GetParam().oracle.network, GetParam().precision) == Data::exact; }
};

TEST_P(DeviceModelOracle, TrainsAsTheReference) {
  const Network& network = GetParam().oracle.network;
  CompileOptions options{.shard_samples = 3, .seed = 9};
  options.loss.label_smoothing = 0.1f;
  const auto reference = make_reference_replica(network, options);
  test::set_parameters(*reference, parameters());
  Driver driver(network, options, GetParam().precision);
  driver.set_parameters(parameters());

  // Whole, with fewer samples than compiled for, and whole again.
  for (const auto& [n, seed] : {std::pair{3, 1}, std::pair{2, 2}, std::pair{3, 3}}) {
    SCOPED_TRACE(testing::Message() << "shard of " << n);
    const Samples shard = samples(n, static_cast<std::uint64_t>(seed));
    const std::vector<float> buffer = driver.train(shard, 4);
    for (const float value : buffer) ASSERT_TRUE(std::isfinite(value)) << "an element nobody wrote";
    expect_equal_outcomes(network, driver.outcome(buffer), test::run_shard(*reference, shard, 4),
                          tolerance_of(network, GetParam().precision));
  }
}

TEST_P(DeviceModelOracle, PredictsAsTheReference) {
  const Network& network = GetParam().oracle.network;
  const CompileOptions options{.shard_samples = 2, .predict_samples = 3};
  const auto reference = make_reference_replica(network, options);
  test::set_parameters(*reference, parameters());
  Driver driver(network, options, GetParam().precision);
  driver.set_parameters(parameters());
  const Samples images = samples(3, 5);

  for (const std::int64_t n : {3, 1}) {
    SCOPED_TRACE(n);
    EXPECT_TENSOR_NEAR(driver.predict(images, n), test::predict(*reference, images, n),
                       tolerance_of(network, GetParam().precision));
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, DeviceModelOracle, testing::ValuesIn(cases()), name_of);

class DeviceModelEdge : public testing::TestWithParam<test::EdgeNetwork> {};

/// Exactly: whatever a step before has left in memory.
TEST_P(DeviceModelEdge, GetsAGradientOfZero) {
  const Network& network = GetParam().network;
  Samples edge = test::random_samples(network, 3, 2);
  edge.images = test::edge_images(GetParam(), 3);
  for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
    Driver driver(network, {.shard_samples = 3}, precision);
    driver.set_parameters(test::random_parameters(network, 17));

    const ShardOutcome before = driver.outcome(driver.train(test::random_samples(network, 3, 1), 0));
    const ShardOutcome outcome = driver.outcome(driver.train(edge, 0));

    EXPECT_THAT(outcome.gradients[0][0], testing::Each(0.0f));
    EXPECT_THAT(before.gradients[0][0], testing::Not(testing::Each(0.0f)));
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, DeviceModelEdge, testing::ValuesIn(test::edge_networks()),
                         [](const auto& test) { return test.param.name; });

Network mixed_network() {
  return NetworkBuilder({.height = 9, .width = 7, .channels = 3})
      .conv2d({.filters = 20, .kernel = {3, 3}, .padding_mode = PaddingMode::same})
      .add(BatchNorm{})
      .activate(Activation::relu)
      .add(Pool2d{.size = {3, 3}, .stride = {2, 2}})
      .add(Dropout{0.4f})
      .flatten()
      .dense({.units = 11}, {.activation = Activation::relu})
      .add(Dropout{0.2f})
      .dense({.units = 4})
      .activate(Activation::softmax)
      .build();
}

class DeviceModelOptions : public testing::Test {
 protected:
  const Network network_ = mixed_network();
  const ParameterValues parameters_ = test::random_parameters(network_, 17);
};

TEST_F(DeviceModelOptions, ClassWeightsAndSmoothing) {
  CompileOptions options{.shard_samples = 5};
  options.loss = {.label_smoothing = 0.3f, .class_weights = {0.25f, 4.0f, 1.0f, 0.0f}, .top_k = 2};
  const auto reference = make_reference_replica(network_, options);
  test::set_parameters(*reference, parameters_);
  Driver driver(network_, options, Precision::float32);
  driver.set_parameters(parameters_);
  const Samples samples = test::random_samples(network_, 5, 1);

  expect_equal_outcomes(network_, driver.outcome(driver.train(samples, 0)),
                        test::run_shard(*reference, samples), 1e-5);
}

TEST_F(DeviceModelOptions, ReadyGrowsToTheEnd) {
  Driver driver(network_, {.shard_samples = 2}, Precision::float32);
  driver.set_parameters(parameters_);

  driver.train(test::random_samples(network_, 2, 1), 0);

  const ArenaLayout& layout = driver.model().layout();
  // After each of the four layers with parameters, last layer first; head and statistics with the first.
  EXPECT_THAT(driver.ready(), testing::ElementsAre(gradient_offset(layout) + layout.trainable[2].offset,
                                                   gradient_offset(layout) + layout.trainable[4].offset,
                                                   gradient_offset(layout) + layout.trainable[6].offset,
                                                   gradient_elements(layout)));
}

TEST_F(DeviceModelOptions, EmptyShardIsZero) {
  Driver driver(network_, {.shard_samples = 2}, Precision::float32);

  const std::vector<float> buffer = driver.train(Samples{}, 0);

  EXPECT_THAT(buffer, testing::Each(0.0f));
  EXPECT_THAT(driver.ready(), testing::ElementsAre(buffer.size()));
}

TEST_F(DeviceModelOptions, RunsGiveTheSameBits) {
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16}) {
    Driver driver(network_, {.shard_samples = 4, .seed = 3}, precision);
    Driver other(network_, {.shard_samples = 4, .seed = 3}, precision);
    driver.set_parameters(parameters_);
    other.set_parameters(parameters_);
    const Samples samples = test::random_samples(network_, 4, 1);

    const std::vector<float> first = driver.train(samples, 1);

    EXPECT_EQ(driver.train(samples, 1), first);
    EXPECT_EQ(other.train(samples, 1), first);
    EXPECT_NE(driver.train(samples, 2), first) << "another epoch drops other values";
  }
}

TEST_F(DeviceModelOptions, LabelOutOfRangeMakesTheLossNan) {
  Driver driver(network_, {.shard_samples = 2}, Precision::float32);
  driver.set_parameters(parameters_);
  Samples samples = test::random_samples(network_, 2, 1);
  samples.labels[1] = 4;

  EXPECT_TRUE(std::isnan(driver.train(samples, 0)[kLossSum]));
}

TEST_F(DeviceModelOptions, BadValuesAreNamed) {
  Driver driver(network_, {.shard_samples = 2, .check_values = true}, Precision::float32);
  driver.set_parameters(parameters_);
  Samples samples = test::random_samples(network_, 2, 6);
  ASSERT_NO_THROW(driver.train(samples, 0));
  ParameterValues broken = parameters_;
  broken[1][0][0] = std::numeric_limits<float>::infinity();  // gamma of the batch norm

  samples.images.back() = std::nanf("");
  try {
    driver.train(samples, 0);
    ADD_FAILURE() << "a NaN pixel was accepted";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("sample 6001"));
  }
  driver.set_parameters(broken);
  try {
    driver.train(test::random_samples(network_, 2, 6), 0);
    ADD_FAILURE() << "an infinite gamma was accepted";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(network_.layers[1].name));
  }
}

TEST_F(DeviceModelOptions, ShardBeyondTheKernelsCountingIsRefused) {
  const std::int64_t samples = (std::int64_t{1} << 31) / network_.input.size() + 1;

  try {
    DeviceModel(network_, {.shard_samples = samples}, Precision::float32);
    ADD_FAILURE() << "2^31 values were accepted";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("batch.shards"));
  }
}

TEST_F(DeviceModelOptions, WrongClassWeightsAreRefused) {
  CompileOptions options{.shard_samples = 5};
  options.loss.class_weights = {1.0f, 2.0f};

  EXPECT_THROW(DeviceModel(network_, options, Precision::float32), UsageError);
}

}  // namespace
}  // namespace annulus::trainer::cuda
