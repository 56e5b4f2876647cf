// Pools of the CPU backend by themselves, in the layouts that images have: the rule of max pools, forward and
// backward.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/support/pool_windows.hpp"
#include "trainer/backend/cpu/steps.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t kSamples = 2;

/// A max pool as the only step of a program. Values are (N, C, H, W), read and written through the layout.
class PoolHarness {
 public:
  PoolHarness(const Pool2d& pool, const SampleShape& shape, Tag layout, Mode mode = Mode::training)
      : network_(NetworkBuilder(shape).add(pool).build()),
        store_(network_, engine_),
        builder_(engine_, store_, plan_, {kSamples, mode}) {
    Value input;
    input.shape = shape;
    input.desc = float_desc({kSamples, shape.channels, shape.height, shape.width}, layout);
    input.data = builder_.buffer();
    if (mode == Mode::training) input.gradient = builder_.buffer();
    lowered_ = make_pool(builder_, {0, network_.layers.front()}, input, pool);
    source_ = builder_.memory(input.desc, input.data, Pass::forward);
    target_ = builder_.memory(lowered_.output.desc, lowered_.output.data, Pass::forward);
    if (mode == Mode::training) {
      source_gradient_ = builder_.memory(input.desc, input.gradient, Pass::backward);
      target_gradient_ = builder_.memory(lowered_.output.desc, lowered_.output.gradient, Pass::backward);
    }
    block_ = allocate_bytes(plan_.lay_out(), "a test");
    builder_.place(block_.get());
  }

  std::vector<float> forward(const std::vector<float>& images) {
    write(source_, images);
    lowered_.step->forward({.stream = stream_});
    return read(target_);
  }
  /// What the step leaves unwritten comes back as NaN.
  std::vector<float> backward(const std::vector<float>& gradients) {
    write(source_gradient_, std::vector<float>(read(source_gradient_).size(), std::nanf("")));
    write(target_gradient_, gradients);
    lowered_.step->backward({.stream = stream_});
    return read(source_gradient_);
  }

 private:
  template <class Body>
  static void for_each(const dnnl::memory& memory, const Body& body) {
    const OffsetTables tables = offset_tables(memory.get_desc());
    auto* values = static_cast<float*>(memory.get_data_handle());
    for (const std::size_t n : tables[0])
      for (const std::size_t c : tables[1])
        for (const std::size_t y : tables[2])
          for (const std::size_t x : tables[3]) body(values[n + c + y + x]);
  }
  static void write(const dnnl::memory& memory, const std::vector<float>& values) {
    std::memset(memory.get_data_handle(), 0, memory.get_desc().get_size());
    auto next = values.begin();
    for_each(memory, [&](float& value) { value = *next++; });
  }
  static std::vector<float> read(const dnnl::memory& memory) {
    std::vector<float> values;
    for_each(memory, [&](float value) { values.push_back(value); });
    return values;
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  Network network_;
  ParameterStore store_;
  MemoryPlan plan_{64};
  ProgramBuilder builder_;
  Lowered lowered_;
  dnnl::memory source_, target_, source_gradient_, target_gradient_;
  AlignedMemory<std::byte> block_;
};

struct Layout {
  const char* name;
  Tag tag;
};

class PoolLayout : public testing::TestWithParam<Layout> {};

/// Window i of the table in channel i of the second sample; the first sample holds ordinary numbers.
TEST_P(PoolLayout, FollowsTheRuleOfMaxPools) {
  const std::vector<test::PoolWindow> windows = test::pool_windows();
  const SampleShape shape{.height = 2, .width = 2, .channels = static_cast<std::int64_t>(windows.size())};
  std::vector<float> images, gradients, expected;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    images.insert(images.end(), {4, 3, 2, 1});
    expected.insert(expected.end(), {5, 0, 0, 0});
  }
  for (const test::PoolWindow& window : windows) {
    images.insert(images.end(), window.pixels.begin(), window.pixels.end());
    expected.insert(expected.end(), 4, 0.0f);
    expected[expected.size() - 4 + static_cast<std::size_t>(window.winner)] = 5;
  }
  gradients.assign(2 * windows.size(), 5.0f);
  PoolHarness training({.size = {2, 2}, .stride = {2, 2}}, shape, GetParam().tag);
  PoolHarness inference({.size = {2, 2}, .stride = {2, 2}}, shape, GetParam().tag, Mode::inference);

  const std::vector<float> trained = training.forward(images), inferred = inference.forward(images);
  const std::vector<float> passed_back = training.backward(gradients);

  for (std::size_t i = 0; i < windows.size(); ++i) {
    SCOPED_TRACE(windows[i].name);
    const float maximum = windows[i].pixels.at(static_cast<std::size_t>(windows[i].winner));
    EXPECT_TRUE(test::same_value(trained[windows.size() + i], maximum)) << trained[windows.size() + i];
    EXPECT_TRUE(test::same_value(inferred[windows.size() + i], maximum)) << inferred[windows.size() + i];
    EXPECT_EQ(trained[i], 4.0f);
    for (std::size_t pixel = 0; pixel < 4; ++pixel) {
      const std::size_t at = 4 * (windows.size() + i) + pixel;
      EXPECT_EQ(passed_back[at], expected[at]) << "pixel " << pixel;
    }
  }
}

/// Windows at the corners see one pixel each, the middle one all nine.
TEST_P(PoolLayout, PaddingNeverWinsOverMinusInfinity) {
  const SampleShape shape{.height = 3, .width = 3, .channels = 1};
  const Pool2d pool{
      .size = {3, 3}, .stride = {2, 2}, .padding = {.top = 2, .bottom = 2, .left = 2, .right = 2}};
  std::vector<float> images(9 * kSamples, -kInfinity);
  PoolHarness harness(pool, shape, GetParam().tag);

  EXPECT_EQ(harness.forward(images), std::vector<float>(9 * kSamples, -kInfinity));

  // Of each window the first pixel inside the image wins: its number is 3 * row + column.
  const std::vector<float> gradient = harness.backward(std::vector<float>(9 * kSamples, 1.0f));
  EXPECT_EQ(std::vector<float>(gradient.begin(), gradient.begin() + 9),
            (std::vector<float>{4, 0, 2, 0, 0, 0, 2, 0, 1}));
}

/// 5 x 7 pixels of which the last row, the last column or both are dropped.
TEST_P(PoolLayout, DroppedPixelsGetAGradientOfZero) {
  const SampleShape shape{.height = 5, .width = 7, .channels = 3};
  for (const PoolKind kind : {PoolKind::max, PoolKind::average})
    for (const Size2 size : {Size2{2, 2}, Size2{3, 3}, Size2{2, 3}, Size2{4, 5}}) {
      const Size2 stride{2, 4};
      SCOPED_TRACE(testing::Message() << size.height << " x " << size.width);
      PoolHarness harness({.kind = kind, .size = size, .stride = stride}, shape, GetParam().tag);
      std::vector<float> images;
      for (int i = 0; i < 5 * 7 * 3 * kSamples; ++i) images.push_back(static_cast<float>(i * 37 % 101));
      const std::vector<float> pooled = harness.forward(images);

      const std::vector<float> gradient = harness.backward(std::vector<float>(pooled.size(), 1.0f));

      const std::int64_t rows = ((5 - size.height) / stride.height) * stride.height + size.height;
      const std::int64_t columns = ((7 - size.width) / stride.width) * stride.width + size.width;
      double sum = 0;
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i / 7 % 5), column = static_cast<std::int64_t>(i % 7);
        sum += gradient[i];
        if (row < rows && column < columns) continue;
        EXPECT_EQ(gradient[i], 0.0f) << row << ", " << column;
      }
      EXPECT_NEAR(sum, static_cast<double>(pooled.size()), 1e-4);
    }
}

TEST(PoolWindows, ThatAreLargeNumberTheirPixelsBeyondAByte) {
  const SampleShape shape{.height = 20, .width = 20, .channels = 1};
  std::vector<float> images(400 * kSamples, -kInfinity);
  images[399] = images[400 + 390] = std::numeric_limits<float>::quiet_NaN();
  PoolHarness harness({.size = {20, 20}, .stride = {1, 1}}, shape, Tag::abcd);

  for (const float maximum : harness.forward(images)) EXPECT_TRUE(std::isnan(maximum));

  std::vector<float> expected(400 * kSamples, 0.0f);
  expected[399] = 1;
  expected[400 + 390] = 2;
  EXPECT_EQ(harness.backward({1, 2}), expected);
}

INSTANTIATE_TEST_SUITE_P(Layouts, PoolLayout,
                         testing::Values(Layout{"Planes", Tag::abcd}, Layout{"ChannelsLast", Tag::acdb},
                                         Layout{"BlocksOf8", Tag::aBcd8b},
                                         Layout{"BlocksOf16", Tag::aBcd16b}),
                         [](const auto& layout) { return std::string(layout.param.name); });

}  // namespace
}  // namespace annulus::trainer::cpu
