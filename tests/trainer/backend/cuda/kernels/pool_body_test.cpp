// Pooling and plain convolution on the GPU, run on the host, against the reference backend.
#include <gtest/gtest.h>

#include "tests/support/tensor_matchers.hpp"
#include "tests/trainer/backend/cuda/body_harness.hpp"
#include "tests/trainer/backend/reference/kernel_harness.hpp"
#include "trainer/backend/cuda/kernels/convolution_body.hpp"
#include "trainer/backend/cuda/kernels/kernel_order.hpp"
#include "trainer/backend/cuda/kernels/pool_body.hpp"

namespace annulus::trainer::cuda {
namespace {

using reference::KernelHarness;
using reference::Tensor;

constexpr std::int64_t kSamples = 3;

std::int32_t narrow(std::int64_t value) { return static_cast<std::int32_t>(value); }

std::vector<Pool2d> pools(PoolKind kind) {
  return {{.kind = kind, .size = {2, 2}, .stride = {2, 2}, .padding = {0, 1, 0, 1}},
          {.kind = kind, .size = {3, 3}, .stride = {2, 2}},
          {.kind = kind, .size = {3, 2}, .stride = {1, 1}, .padding = {1, 1, 1, 1}},
          {.kind = kind, .size = {3, 3}, .stride = {3, 1}, .padding = {1, 0, 1, 0}},
          {.kind = kind, .size = {2, 2}, .stride = {3, 3}},  // pixels between windows
          {.kind = kind, .size = {11, 11}, .stride = {1, 1}}};
}

PoolShape shape_of(const Layer& layer) {
  const auto& pool = std::get<Pool2d>(layer.operation);
  return {narrow(layer.input.height),  narrow(layer.input.width),  narrow(layer.input.channels),
          narrow(layer.output.height), narrow(layer.output.width), narrow(pool.size.height),
          narrow(pool.size.width),     narrow(pool.stride.height), narrow(pool.stride.width),
          narrow(pool.padding.top),    narrow(pool.padding.left)};
}

/// Calls body(layer, its reference, images, gradients of the output) for every kind of window, with channels
/// that fill 16 bytes and that do not.
template <class Body>
void for_each_pool(PoolKind kind, const Body& body) {
  for (const Element element : kElements)
    for (const std::int64_t channels : {3, 16})
      for (const Pool2d& pool : pools(kind)) {
        SCOPED_TRACE(testing::Message() << channels << " channels, window " << pool.size.height << " by "
                                        << pool.size.width << ", element " << static_cast<int>(element));
        const Network network =
            NetworkBuilder({.height = 11, .width = 11, .channels = channels}).add(pool).build();
        const Layer& layer = network.layers.back();
        Stored x = random_stored(element, kSamples * layer.input.size(), 1);
        Stored dy = random_stored(element, kSamples * layer.output.size(), 2);
        KernelHarness reference(network, {x.doubles()});
        body(layer, reference, x, dy);
      }
}

void expect_near(Stored& actual, const Tensor& expected) {
  const std::vector<float> floats = actual.floats();
  EXPECT_TENSOR_NEAR(Tensor(floats.begin(), floats.end()), expected, rounding_of(actual.element()));
}

TEST(PoolBody, MaximumAsTheReference) {
  for_each_pool(PoolKind::max, [](const Layer& layer, KernelHarness& reference, Stored& x, Stored& dy) {
    Stored y(x.element(), static_cast<std::size_t>(kSamples * layer.output.size()));
    Stored dx(x.element(), static_cast<std::size_t>(kSamples * layer.input.size()));
    std::vector<std::uint16_t> winners(static_cast<std::size_t>(kSamples * layer.output.size()));
    const PoolShape shape = shape_of(layer);

    with_instance(packs_of(x.element(), shape.channels), [&]<class T, int P>(Instance<T, P>) {
      run_on_host(MaxPoolForwardBody<T, P>{.x = x.at<T>(),
                                           .y = y.at<T>(),
                                           .winners = winners.data(),
                                           .shape = shape,
                                           .samples = kSamples,
                                           .relu = PendingRelu::no});
      run_on_host(MaxPoolBackwardBody<T, P>{.dy = dy.at<T>(),
                                            .winners = winners.data(),
                                            .dx = dx.at<T>(),
                                            .shape = shape,
                                            .samples = kSamples});
    });

    expect_near(y, reference.forward());
    expect_near(dx, reference.backward(dy.doubles())[0]);
  });
}

TEST(PoolBody, MeanAsTheReference) {
  for_each_pool(PoolKind::average, [](const Layer& layer, KernelHarness& reference, Stored& x, Stored& dy) {
    Stored y(x.element(), static_cast<std::size_t>(kSamples * layer.output.size()));
    Stored dx(x.element(), static_cast<std::size_t>(kSamples * layer.input.size()));
    const PoolShape shape = shape_of(layer);

    with_instance(packs_of(x.element(), shape.channels), [&]<class T, int P>(Instance<T, P>) {
      run_on_host(
          AveragePoolForwardBody<T, P>{.x = x.at<T>(), .y = y.at<T>(), .shape = shape, .samples = kSamples});
      run_on_host(AveragePoolBackwardBody<T, P>{
          .dy = dy.at<T>(), .dx = dx.at<T>(), .shape = shape, .samples = kSamples});
    });

    expect_near(y, reference.forward());
    expect_near(dx, reference.backward(dy.doubles())[0]);
  });
}

struct TinyPool {
  PoolShape shape{.height = 2, .width = 2, .size_y = 2, .size_x = 2, .stride_y = 2, .stride_x = 2};

  std::vector<float> gradient(std::vector<float> x, PendingRelu relu) const {
    std::vector<float> y(1), dy{3}, dx(4);
    std::vector<std::uint16_t> winners(1);
    run_on_host(MaxPoolForwardBody<float, 1>{
        .x = x.data(), .y = y.data(), .winners = winners.data(), .shape = shape, .samples = 1, .relu = relu});
    run_on_host(MaxPoolBackwardBody<float, 1>{
        .dy = dy.data(), .winners = winners.data(), .dx = dx.data(), .shape = shape, .samples = 1});
    return dx;
  }
};

TEST(PoolBody, FirstOfEqualMaximaGetsTheGradient) {
  EXPECT_EQ(TinyPool{}.gradient({0, 5, 5, 5}, PendingRelu::no), (std::vector<float>{0, 3, 0, 0}));
}

TEST(PoolBody, DerivativeOfAReluBeforeIsTakenAlong) {
  EXPECT_EQ(TinyPool{}.gradient({0, 0, 0, 0}, PendingRelu::no), (std::vector<float>{3, 0, 0, 0}));
  EXPECT_EQ(TinyPool{}.gradient({0, 0, 0, 0}, PendingRelu::yes), (std::vector<float>{0, 0, 0, 0}));
  EXPECT_EQ(TinyPool{}.gradient({0, 0, 1, 0}, PendingRelu::yes), (std::vector<float>{0, 0, 3, 0}));
}

TEST(ConvolutionBody, AsTheReference) {
  const std::vector<Conv2d> convolutions{
      {.filters = 4, .kernel = {3, 3}, .bias = false},
      {.filters = 6, .kernel = {5, 3}, .stride = {2, 3}, .padding = {2, 0, 0, 1}, .bias = false},
      {.filters = 4,
       .kernel = {3, 2},
       .dilation = {2, 3},
       .padding = {1, 1, 1, 1},
       .groups = 2,
       .bias = false},
      {.filters = 6, .kernel = {1, 1}, .groups = 6, .bias = false}};
  for (const Conv2d& conv : convolutions) {
    const Network network = NetworkBuilder({.height = 9, .width = 11, .channels = 6}).conv2d(conv).build();
    const Layer& layer = network.layers.back();
    const ConvolutionShape shape{narrow(kSamples),
                                 9,
                                 11,
                                 6,
                                 narrow(layer.output.height),
                                 narrow(layer.output.width),
                                 narrow(conv.filters),
                                 narrow(conv.kernel.height),
                                 narrow(conv.kernel.width),
                                 narrow(conv.stride.height),
                                 narrow(conv.stride.width),
                                 narrow(conv.dilation.height),
                                 narrow(conv.dilation.width),
                                 narrow(conv.padding.top),
                                 narrow(conv.padding.left),
                                 narrow(conv.groups)};
    for (const Element element : kElements) {
      Stored x = random_stored(element, shape.input_size(), 1),
             kernel = random_stored(element, shape.kernel_size(), 2);
      Stored dy = random_stored(element, shape.output_size(), 3);
      Stored y(element, static_cast<std::size_t>(shape.output_size()));
      Stored dx(element, static_cast<std::size_t>(shape.input_size()));
      Stored dkernel(element, static_cast<std::size_t>(shape.kernel_size()));
      Tensor keras(static_cast<std::size_t>(shape.kernel_size()));
      const Tensor on_device = kernel.doubles();
      for_each_weight(layer.parameters[0].extents,
                      [&](std::size_t to, std::size_t from) { keras[to] = on_device[from]; });
      KernelHarness reference(network, {x.doubles()}, {keras});

      with_instance(elements_of(element), [&]<class T>(Instance<T>) {
        run_on_host(ConvolutionForwardBody<T>{
            .x = x.at<T>(), .kernel = kernel.at<T>(), .y = y.at<T>(), .shape = shape});
        run_on_host(ConvolutionDataBody<T>{
            .dy = dy.at<T>(), .kernel = kernel.at<T>(), .dx = dx.at<T>(), .shape = shape});
        run_on_host(ConvolutionKernelBody<T>{
            .x = x.at<T>(), .dy = dy.at<T>(), .dkernel = dkernel.at<T>(), .shape = shape});
      });

      expect_near(y, reference.forward());
      expect_near(dx, reference.backward(dy.doubles())[0]);
      const Tensor expected = reference.node().parameter_gradients[0];
      Tensor permuted(expected.size());
      for_each_weight(layer.parameters[0].extents,
                      [&](std::size_t from, std::size_t to) { permuted[to] = expected[from]; });
      expect_near(dkernel, permuted);
    }
  }
}

}  // namespace
}  // namespace annulus::trainer::cuda
