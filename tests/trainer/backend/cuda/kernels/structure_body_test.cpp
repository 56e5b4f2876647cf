// Bodies of the kernels that move values: columns, rows by number, images that go on at the opposite edge.
#include <gmock/gmock.h>

#include <numeric>

#include "base/draw_key.hpp"
#include "tests/support/tensor_matchers.hpp"
#include "tests/trainer/backend/cuda/body_harness.hpp"
#include "trainer/backend/cuda/kernels/structure_body.hpp"
#include "trainer/backend/reference/circular_padding.hpp"

namespace annulus::trainer::cuda {
namespace {

using reference::Tensor;

TEST(CopyColumnsBody, MovesAndConvertsNothingElse) {
  const std::vector<float> from{1, 2, 3, 4, 5, 6};  // (2, 3)
  for (const Element element : kElements) {
    Stored to(element, std::vector<float>(10, 9.0f));  // (2, 5)

    with_instance(elements_of(element), [&]<class T>(Instance<T>) {
      run_on_host(CopyColumnsBody<float, T>{.from = from.data(),
                                            .to = to.at<T>(),
                                            .source = {3, 1},
                                            .target = {5, 2},
                                            .columns = 2,
                                            .rows = 2});
    });

    EXPECT_THAT(to.floats(), testing::ElementsAre(9, 9, 2, 3, 9, 9, 9, 5, 6, 9));
  }
}

TEST(GatherRowsBody, TakesRowsByTheirNumbers) {
  std::vector<float> all(15), rows(9, NAN);  // five rows of three
  std::iota(all.begin(), all.end(), 0.0f);
  const std::vector<std::uint64_t> samples{4, 0, draw_key(4, 1)};

  run_on_host(GatherRowsBody{
      .all = all.data(), .samples = samples.data(), .rows = rows.data(), .length = 3, .count = 3});

  EXPECT_THAT(rows, testing::ElementsAre(12, 13, 14, 0, 1, 2, 12, 13, 14));
}

struct PadCase {
  SampleShape shape;
  CircularPad pad;
};

class WrapBodies : public testing::TestWithParam<PadCase> {
 protected:
  static constexpr std::int64_t kSamples = 3;
  const SampleShape shape_ = GetParam().shape;
  const CircularPad pad_ = GetParam().pad;
  const SampleShape outer_{.height = shape_.height + 2 * pad_.height,
                           .width = shape_.width + 2 * pad_.width,
                           .channels = shape_.channels};
  const Frame frame_{.height = static_cast<std::int32_t>(shape_.height),
                     .width = static_cast<std::int32_t>(shape_.width),
                     .channels = static_cast<std::int32_t>(shape_.channels),
                     .outer_height = static_cast<std::int32_t>(outer_.height),
                     .outer_width = static_cast<std::int32_t>(outer_.width),
                     .top = static_cast<std::int32_t>(pad_.height),
                     .left = static_cast<std::int32_t>(pad_.width)};
};

TEST_P(WrapBodies, AsTheReference) {
  const reference::CircularPadding padding(pad_, shape_);
  for (const Element element : kElements) {
    Stored x = random_stored(element, kSamples * shape_.size(), 1);
    Stored dy = random_stored(element, kSamples * outer_.size(), 2);
    Stored y(element, static_cast<std::size_t>(kSamples * outer_.size()));
    Stored dx(element, static_cast<std::size_t>(kSamples * shape_.size()));
    const Tensor input = x.doubles();
    Tensor gradient(input.size(), 0.0);
    const reference::PassContext pass{.samples = kSamples, .numbers = {}};
    reference::Node node;
    node.inputs = {&input};
    node.input_gradients = {&gradient};
    node.output.resize(static_cast<std::size_t>(kSamples * outer_.size()));
    node.output_gradient = dy.doubles();
    padding.forward(pass, node);
    padding.backward(pass, node);

    with_instance(packs_of(element, shape_.channels), [&]<class T, int P>(Instance<T, P>) {
      run_on_host(
          WrapBody<T, P>{.inner = x.at<T>(), .outer = y.at<T>(), .frame = frame_, .samples = kSamples});
      run_on_host(
          UnwrapBody<T, P>{.outer = dy.at<T>(), .inner = dx.at<T>(), .frame = frame_, .samples = kSamples});
    });

    EXPECT_EQ(y.doubles(), node.output);
    EXPECT_TENSOR_NEAR(dx.doubles(), gradient, .norm = rounding_of(element));
  }
}

// Packs of eight and four, odd channels; one axis only; by the whole image.
INSTANTIATE_TEST_SUITE_P(
    Shapes, WrapBodies,
    testing::Values(PadCase{{.height = 4, .width = 6, .channels = 8}, {.height = 0, .width = 1}},
                    PadCase{{.height = 5, .width = 3, .channels = 4}, {.height = 2, .width = 3}},
                    PadCase{{.height = 3, .width = 7, .channels = 3}, {.height = 3, .width = 0}},
                    PadCase{{.height = 2, .width = 2, .channels = 1}, {.height = 2, .width = 2}}));

}  // namespace
}  // namespace annulus::trainer::cuda
