// What a plan makes of libraries that refuse: which way a convolution or a product runs then, and that its
// result is right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/cuda_emulation/fake_cuda.hpp"
#include "tests/support/random_tensor.hpp"
#include "tests/support/tensor_matchers.hpp"
#include "tests/trainer/backend/cuda/host_executor.hpp"
#include "trainer/backend/cuda/steps/convolution_plan.hpp"
#include "trainer/backend/cuda/steps/gemm_plan.hpp"

namespace annulus::trainer::cuda {
namespace {

using test::convolution_calls;
using test::ConvolutionCalls;

/// Memory as the model has it: 64-byte boundaries, no better.
class Floats {
 public:
  explicit Floats(const std::vector<float>& values)
      : memory_(values.size() + 32, "test"), data_(memory_.get() + 16), size_(values.size()) {
    std::ranges::copy(values, data_);
  }
  explicit Floats(std::int64_t size, float value = NAN)
      : Floats(std::vector<float>(static_cast<std::size_t>(size), value)) {}
  float* get() { return data_; }
  std::vector<float> values() const { return {data_, data_ + size_}; }

 private:
  comm::DeviceBuffer<float> memory_;
  float* data_;
  std::size_t size_;
};

Floats random(std::int64_t size, std::uint64_t seed) {
  return Floats(test::random_floats(static_cast<std::size_t>(size), seed));
}

/// One convolution in all directions, and what its plain kernel makes of the same.
struct Convolved {
  explicit Convolved(const ConvolutionShape& of)
      : shape(of),
        x(random(of.input_size(), 1)),
        kernel(random(of.kernel_size(), 2)),
        dy(random(of.output_size(), 3)),
        y(of.output_size()),
        dx(of.input_size()),
        dkernel(of.kernel_size()) {}

  void run(const ConvolutionPlan& plan) {
    comm::DeviceBuffer<std::byte> workspace(
        std::max({plan.forward_workspace(), plan.data_workspace(), plan.kernel_workspace()}) + 1, "test");
    plan.forward({x.get(), kernel.get(), nullptr, y.get(), workspace.get()}, nullptr);
    plan.backward_data({dy.get(), kernel.get(), dx.get(), workspace.get()}, nullptr);
    plan.backward_kernel({x.get(), dy.get(), dkernel.get(), workspace.get()}, nullptr);
  }
  void run_plain() {
    run_on_host(ConvolutionForwardBody<float>{x.get(), kernel.get(), y.get(), shape});
    run_on_host(ConvolutionDataBody<float>{dy.get(), kernel.get(), dx.get(), shape});
    run_on_host(ConvolutionKernelBody<float>{x.get(), dy.get(), dkernel.get(), shape});
  }

  ConvolutionShape shape;
  Floats x, kernel, dy, y, dx, dkernel;
};

/// Calls of cuDNN that one pass in all directions makes, and that its results are right.
ConvolutionCalls calls_of(const ConvolutionShape& shape) {
  Libraries libraries(Precision::float32);
  const ConvolutionPlan plan(libraries, {.shape = shape, .bias = false, .name = "conv"});
  Convolved planned(shape), plain(shape);
  convolution_calls() = {};
  planned.run(plan);
  plain.run_plain();
  EXPECT_EQ(planned.y.values(), plain.y.values());
  EXPECT_EQ(planned.dx.values(), plain.dx.values());
  EXPECT_EQ(planned.dkernel.values(), plain.dkernel.values());
  return convolution_calls();
}

ConvolutionShape three_by_three(std::int32_t channels, std::int32_t filters, std::int32_t groups) {
  return {.samples = 2,
          .height = 6,
          .width = 5,
          .channels = channels,
          .out_height = 6,
          .out_width = 5,
          .filters = filters,
          .kernel_y = 3,
          .kernel_x = 3,
          .top = 1,
          .left = 1,
          .groups = groups};
}

void expect_calls(const ConvolutionCalls& calls, int each) {
  EXPECT_EQ(calls.forward, each);
  EXPECT_EQ(calls.data, each);
  EXPECT_EQ(calls.kernel, each);
}

TEST(ConvolutionPlans, GroupsRunOneByOneWhereTheWholeIsRefused) {
  expect_calls(calls_of(three_by_three(8, 12, 2)), 2);  // slices of the kernel begin at 16 bytes
  expect_calls(calls_of(three_by_three(15, 9, 3)), 3);  // and at 4
  expect_calls(calls_of(three_by_three(64, 64, 32)), 32);
}

TEST(ConvolutionPlans, ThePlainKernelRunsWhatGroupsHaveNotEither) {
  expect_calls(calls_of(three_by_three(4, 4, 4)), 0);
  expect_calls(calls_of(three_by_three(66, 66, 33)), 0);  // too many launches
}

TEST(ConvolutionPlans, AlgorithmsThatHeuristicsLeaveOutAreAskedForByName) {
  expect_calls(calls_of({.samples = 2,
                         .height = 3,
                         .width = 4,
                         .channels = 6,
                         .out_height = 3,
                         .out_width = 4,
                         .filters = 5}),
               1);
}

/// y of a ReLU layer whose weights are one, its image holding one NaN; how many calls were fused.
std::pair<std::vector<float>, int> relu_of_nan(std::int32_t kernel) {
  ConvolutionShape shape = three_by_three(2, 3, 1);
  shape.kernel_y = shape.kernel_x = kernel;
  shape.top = shape.left = kernel / 2;
  Libraries libraries(Precision::float32);
  const ConvolutionPlan plan(
      libraries,
      {.shape = shape, .directions = Directions::forward, .activation = Activation::relu, .name = "conv"});
  Floats x(shape.input_size(), 1.0f), weights(shape.kernel_size(), 1.0f), bias(shape.filters, 1.0f);
  x.get()[0] = NAN;
  Floats y(shape.output_size());
  comm::DeviceBuffer<std::byte> workspace(plan.forward_workspace() + 1, "test");
  convolution_calls() = {};
  plan.forward({x.get(), weights.get(), bias.get(), y.get(), workspace.get()}, nullptr);
  return {y.values(), convolution_calls().fused};
}

TEST(ConvolutionPlans, AFusedReluKeepsNanWhereThatCanBeHadAndIsFusedWhereNot) {
  const auto [kept, kept_fused] = relu_of_nan(3);
  EXPECT_EQ(kept_fused, 1);
  EXPECT_TRUE(std::isnan(kept[0]));

  const auto [lost, lost_fused] = relu_of_nan(5);  // the library keeps NaN up to 3 by 3 only
  EXPECT_EQ(lost_fused, 1);
  EXPECT_EQ(lost[0], 0.0f);
  EXPECT_GT(lost.back(), 1.0f);
}

/// A product of one row of `left` and one column of `right`, in bfloat16, and what is added.
struct Product {
  std::optional<GemmPlan> plan;
  float result = NAN;
};

Product multiply(const std::vector<float>& left, const std::vector<float>& right, std::int64_t columns,
                 Epilogue epilogue, float bias) {
  Libraries libraries(Precision::bfloat16);
  const auto inner = static_cast<std::int64_t>(left.size());
  Product product;
  product.plan = GemmPlan::make(libraries, {.rows = 1,
                                            .columns = columns,
                                            .inner = inner,
                                            .factors = Element::bfloat16,
                                            .result = Element::bfloat16,
                                            .epilogue = epilogue});
  if (!product.plan) return product;
  const auto stored = [](const std::vector<float>& values) {
    comm::DeviceBuffer<BFloat16> buffer(values.size() + 32, "test");  // used from its 16th element on
    for (std::size_t i = 0; i < values.size(); ++i) buffer.get()[16 + i] = from_float<BFloat16>(values[i]);
    return buffer;
  };
  std::vector<float> matrix;  // all columns alike
  for (const float value : right) matrix.insert(matrix.end(), static_cast<std::size_t>(columns), value);
  const auto a = stored(left), b = stored(matrix);
  const auto vector = stored(std::vector<float>(static_cast<std::size_t>(columns), bias));
  const auto result = stored(std::vector<float>(static_cast<std::size_t>(columns), NAN));
  comm::DeviceBuffer<std::byte> workspace(product.plan->workspace() + 1, "test");
  product.plan->run({a.get() + 16, b.get() + 16, result.get() + 16, vector.get() + 16, workspace.get()},
                    nullptr);
  product.result = to_float(result.get()[16]);
  return product;
}

TEST(GemmPlans, PartsOfASumAreNotRoundedToTheTypeOfTheResult) {
  // 257 has nine bits: rounded on the way, the sum would be 0.
  EXPECT_EQ(multiply({256, 1, -256, 0}, {1, 1, 1, 1}, 2, Epilogue::none, 0).result, 1.0f);
}

TEST(GemmPlans, AVectorMayLieWhereParametersLie) {
  const Product product = multiply({1, 2}, {3, 4}, 4, Epilogue::bias, 5);
  ASSERT_TRUE(product.plan);
  EXPECT_EQ(product.result, 16.0f);
}

TEST(GemmPlans, AnEpilogueThatIsRefusedInAnyWordsIsNotHad) {
  for (const std::int64_t columns : {5, 7}) {  // an invalid value, and not supported
    EXPECT_FALSE(multiply({1, 2}, {3, 4}, columns, Epilogue::bias_relu, 0).plan) << columns;
    EXPECT_EQ(multiply({1, 2}, {3, 4}, columns, Epilogue::none, 0).result, 11.0f) << columns;
  }
}

}  // namespace
}  // namespace annulus::trainer::cuda
