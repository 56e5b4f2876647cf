// Our own kernels on the GPU against the same bodies on the host, at sizes where grids have many blocks. Sums
// are in one order on both sides and products are not fused, so most results agree to the bit.
#include <gmock/gmock.h>

#include <cstring>

#include "comm/cuda/cuda.hpp"
#include "tests/support/random_tensor.hpp"
#include "tests/support/tensor_matchers.hpp"
#include "tests/trainer/backend/cuda/body_harness.hpp"
#include "trainer/backend/cuda/kernels/convolution_body.hpp"
#include "trainer/backend/cuda/kernels/dropout_body.hpp"
#include "trainer/backend/cuda/kernels/enqueue.hpp"
#include "trainer/backend/cuda/kernels/normalisation_body.hpp"
#include "trainer/backend/cuda/kernels/pool_body.hpp"
#include "trainer/backend/cuda/kernels/structure_body.hpp"

namespace annulus::trainer::cuda {
namespace {

/// A tensor on both sides; starts with the same values.
class Twin {
 public:
  Twin(Element element, const std::vector<float>& values)
      : host_(element, values),
        device_(values.size() * static_cast<std::size_t>(bytes_of(element)) + 16, "test") {
    copy(device_.get(), host_.data(), cudaMemcpyHostToDevice);
  }
  Twin(Element element, std::int64_t count, std::uint64_t seed)
      : Twin(element, test::random_floats(static_cast<std::size_t>(count), seed)) {}

  void* host() { return host_.data(); }
  void* device() { return device_.get(); }
  std::vector<float> on_host() { return host_.floats(); }
  std::vector<float> on_device() {
    Stored back = host_;
    copy(back.data(), device_.get(), cudaMemcpyDeviceToHost);
    return back.floats();
  }

 private:
  void copy(void* to, const void* from, cudaMemcpyKind kind) {
    ANNULUS_CHECK_CUDA(cudaMemcpy(to, from, device_.size() - 16, kind));
    ANNULUS_CHECK_CUDA(cudaDeviceSynchronize());
  }
  Stored host_;
  comm::DeviceBuffer<std::byte> device_;
};

Twin poisoned(Element element, std::int64_t count) {
  return {element, std::vector<float>(static_cast<std::size_t>(count), NAN)};
}

enum class Side { host, device };

/// Fills in a body for one side.
class Place {
 public:
  explicit Place(Side side) : side_(side) {}
  template <class T>
  T* as(Twin& twin) const {
    return static_cast<T*>(side_ == Side::host ? twin.host() : twin.device());
  }
  float* floats(Twin& twin) const { return as<float>(twin); }
  template <class T>
  const T* either(const T* host, const T* device) const {
    return side_ == Side::host ? host : device;
  }

 private:
  Side side_;
};

/// Runs what `make` fills in on both sides.
template <class Make>
void run_both(const Make& make) {
  run_on_host(make(Place(Side::host)));
  const comm::Stream stream;
  enqueue(stream.get(), make(Place(Side::device)));
  stream.synchronize();
}

TEST(Kernels, ColumnSumsAgreeToTheBit) {
  for (const Element element : kElements)
    for (const auto& [rows, columns] : {std::pair{100'003, 3}, {70'000, 64}, {2'500, 1000}, {5, 10}}) {
      SCOPED_TRACE(testing::Message() << rows << " by " << columns);
      const ColumnPlan plan = plan_columns_of(rows, columns);
      Twin dy(element, std::int64_t{rows} * columns, 1), y(element, std::int64_t{rows} * columns, 2);
      Twin sums = poisoned(Element::float32, columns);
      Twin partials = poisoned(Element::float32, static_cast<std::int64_t>(plan.partials(1)));

      with_instance(quads_of(element, plan.pack), [&]<class T, int P>(Instance<T, P>) {
        run_both([&](const Place& at) {
          return BiasGradientBody<T, P>{.dy = at.as<T>(dy),
                                        .y = at.as<T>(y),
                                        .kind = Activation::relu,
                                        .gradient = at.floats(sums),
                                        .plan = plan,
                                        .partials = at.floats(partials)};
        });
      });

      EXPECT_EQ(sums.on_device(), sums.on_host());
      EXPECT_EQ(dy.on_device(), dy.on_host());
    }
}

TEST(Kernels, StatisticsAgreeToTheBit) {
  for (const Element element : kElements) {
    constexpr std::int64_t kRows = 60'000, kChannels = 48;
    const ColumnPlan plan = plan_columns_of(kRows, kChannels);
    Twin x(element, kRows * kChannels, 1);
    std::vector<Twin> results;
    for (int i = 0; i < 4; ++i) results.push_back(poisoned(Element::float32, kChannels));
    Twin partials = poisoned(Element::float32, static_cast<std::int64_t>(plan.partials(2)));

    with_instance(quads_of(element, plan.pack), [&]<class T, int P>(Instance<T, P>) {
      run_both([&](const Place& at) {
        return StatisticsBody<T, P>{.x = at.as<T>(x),
                                    .samples = 128.0f,
                                    .epsilon = 1e-3f,
                                    .mean = at.floats(results[0]),
                                    .inverse_deviation = at.floats(results[1]),
                                    .mean_sum = at.floats(results[2]),
                                    .variance_sum = at.floats(results[3]),
                                    .plan = plan,
                                    .partials = at.floats(partials)};
      });
    });

    for (Twin& result : results) EXPECT_EQ(result.on_device(), result.on_host());
  }
}

TEST(Kernels, PoolsAgreeToTheBit) {
  for (const Element element : kElements)
    for (const std::int32_t channels : {5, 64}) {
      const PoolShape shape{33, 31, channels, 16, 15, 3, 3, 2, 2, 0, 0};
      constexpr std::int64_t kSamples = 9;
      const std::int64_t inputs = kSamples * 33 * 31 * channels, outputs = kSamples * 16 * 15 * channels;
      Twin x(element, inputs, 1), dy(element, outputs, 2);
      Twin y = poisoned(element, outputs), dx = poisoned(element, inputs);
      Twin mean = poisoned(element, outputs), mean_dx = poisoned(element, inputs);
      Twin winners = poisoned(Element::bfloat16, outputs);  // 16 bits each

      with_instance(packs_of(element, channels), [&]<class T, int P>(Instance<T, P>) {
        run_both([&](const Place& at) {
          return MaxPoolForwardBody<T, P>{.x = at.as<T>(x),
                                          .y = at.as<T>(y),
                                          .winners = at.as<std::uint16_t>(winners),
                                          .shape = shape,
                                          .samples = kSamples,
                                          .relu = PendingRelu::yes};
        });
        run_both([&](const Place& at) {
          return MaxPoolBackwardBody<T, P>{.dy = at.as<T>(dy),
                                           .winners = at.as<std::uint16_t>(winners),
                                           .dx = at.as<T>(dx),
                                           .shape = shape,
                                           .samples = kSamples};
        });
        run_both([&](const Place& at) {
          return AveragePoolForwardBody<T, P>{
              .x = at.as<T>(x), .y = at.as<T>(mean), .shape = shape, .samples = kSamples};
        });
        run_both([&](const Place& at) {
          return AveragePoolBackwardBody<T, P>{
              .dy = at.as<T>(dy), .dx = at.as<T>(mean_dx), .shape = shape, .samples = kSamples};
        });
      });

      for (Twin* result : {&y, &dx, &mean, &mean_dx}) EXPECT_EQ(result->on_device(), result->on_host());
    }
}

TEST(Kernels, PlainConvolutionsAgreeToTheBit) {
  const ConvolutionShape shape{4, 17, 15, 12, 8, 7, 10, 3, 3, 2, 2, 1, 1, 0, 0, 2};
  for (const Element element : kElements) {
    Twin x(element, shape.input_size(), 1), kernel(element, shape.kernel_size(), 2),
        dy(element, shape.output_size(), 3);
    Twin y = poisoned(element, shape.output_size()), dx = poisoned(element, shape.input_size());
    Twin dkernel = poisoned(element, shape.kernel_size());

    with_instance(elements_of(element), [&]<class T>(Instance<T>) {
      run_both([&](const Place& at) {
        return ConvolutionForwardBody<T>{
            .x = at.as<T>(x), .kernel = at.as<T>(kernel), .y = at.as<T>(y), .shape = shape};
      });
      run_both([&](const Place& at) {
        return ConvolutionDataBody<T>{
            .dy = at.as<T>(dy), .kernel = at.as<T>(kernel), .dx = at.as<T>(dx), .shape = shape};
      });
      run_both([&](const Place& at) {
        return ConvolutionKernelBody<T>{
            .x = at.as<T>(x), .dy = at.as<T>(dy), .dkernel = at.as<T>(dkernel), .shape = shape};
      });
    });

    for (Twin* result : {&y, &dx, &dkernel}) EXPECT_EQ(result->on_device(), result->on_host());
  }
}

TEST(Kernels, CircularPadsAgreeToTheBit) {
  for (const Element element : kElements)
    for (const std::int32_t channels : {3, 32}) {
      const Frame frame{.height = 31,
                        .width = 32,
                        .channels = channels,
                        .outer_height = 35,
                        .outer_width = 34,
                        .top = 2,
                        .left = 1};
      constexpr std::int64_t kSamples = 40;
      const std::int64_t inputs = kSamples * 31 * 32 * channels, outputs = kSamples * 35 * 34 * channels;
      Twin x(element, inputs, 1), dy(element, outputs, 2);
      Twin y = poisoned(element, outputs), dx = poisoned(element, inputs);

      with_instance(packs_of(element, channels), [&]<class T, int P>(Instance<T, P>) {
        run_both([&](const Place& at) {
          return WrapBody<T, P>{
              .inner = at.as<T>(x), .outer = at.as<T>(y), .frame = frame, .samples = kSamples};
        });
        run_both([&](const Place& at) {
          return UnwrapBody<T, P>{
              .outer = at.as<T>(dy), .inner = at.as<T>(dx), .frame = frame, .samples = kSamples};
        });
      });

      for (Twin* result : {&y, &dx}) EXPECT_EQ(result->on_device(), result->on_host());
    }
}

TEST(Kernels, ColumnsAreCopiedToTheBit) {
  constexpr std::int64_t kRows = 5000;
  for (const Element element : kElements) {
    Twin from(Element::float32, kRows * 31, 1), to(element, kRows * 77, 2);

    with_instance(elements_of(element), [&]<class T>(Instance<T>) {
      run_both([&](const Place& at) {
        return CopyColumnsBody<float, T>{.from = at.floats(from),
                                         .to = at.as<T>(to),
                                         .source = {31, 4},
                                         .target = {77, 40},
                                         .columns = 19,
                                         .rows = kRows};
      });
    });

    EXPECT_EQ(to.on_device(), to.on_host());
  }
}

TEST(Kernels, DropoutAgreesToTheBit) {
  constexpr std::int64_t kSamples = 50;
  for (const std::int64_t size : {1023, 1024}) {
    Twin x(Element::float32, kSamples * size, 1);
    Twin y = poisoned(Element::float32, kSamples * size);
    // Any 64 bits will do as numbers of samples, if they are below 2^48.
    std::vector<std::uint64_t> numbers(kSamples);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = (i << 33) + 11 * i;
    comm::DeviceBuffer<std::uint64_t> device_numbers(numbers.size(), "test");
    const StepScalars scalars{.epoch = 3};
    comm::DeviceBuffer<StepScalars> device_scalars(1, "test");
    ANNULUS_CHECK_CUDA(
        cudaMemcpy(device_numbers.get(), numbers.data(), device_numbers.bytes(), cudaMemcpyHostToDevice));
    ANNULUS_CHECK_CUDA(cudaMemcpy(device_scalars.get(), &scalars, sizeof(scalars), cudaMemcpyHostToDevice));
    const DropoutMaskOf mask{stream_key(1, Purpose::dropout), 4, 1u << 30, 1.25f};

    ANNULUS_CHECK_CUDA(cudaDeviceSynchronize());
    with_instance(quads_of(Element::float32, size), [&]<class T, int P>(Instance<T, P>) {
      run_both([&](const Place& at) {
        return DropoutBody<T, P>{.from = at.as<T>(x),
                                 .to = at.as<T>(y),
                                 .gate = nullptr,
                                 .samples = at.either(numbers.data(), device_numbers.get()),
                                 .scalars = at.either(&scalars, device_scalars.get()),
                                 .mask = mask,
                                 .size = static_cast<std::uint32_t>(size),
                                 .samples_count = kSamples};
      });
    });

    EXPECT_EQ(y.on_device(), y.on_host());
  }
}

TEST(Kernels, ResponseNormsOfTheUsualPowerAgreeToTheBit) {
  const ResponseNormShape shape{.channels = 96, .reach = 2, .alpha = 1e-4f, .beta = 0.75f, .k = 2.0f};
  constexpr std::int64_t kCount = 96 * 1000;
  for (const Element element : kElements) {
    Twin x(element, kCount, 1), dy(element, kCount, 2);
    Twin y = poisoned(element, kCount), dx = poisoned(element, kCount);
    Twin scale = poisoned(Element::float32, kCount), terms = poisoned(Element::float32, kCount);

    with_instance(elements_of(element), [&]<class T>(Instance<T>) {
      run_both([&](const Place& at) {
        return ResponseNormForwardBody<T>{.x = at.as<T>(x),
                                          .y = at.as<T>(y),
                                          .scale = at.floats(scale),
                                          .shape = shape,
                                          .elements = kCount};
      });
      run_both([&](const Place& at) {
        return ResponseNormTermsBody<T>{.x = at.as<T>(x),
                                        .dy = at.as<T>(dy),
                                        .scale = at.floats(scale),
                                        .terms = at.floats(terms),
                                        .shape = shape,
                                        .elements = kCount};
      });
      run_both([&](const Place& at) {
        return ResponseNormBackwardBody<T>{.x = at.as<T>(x),
                                           .dy = at.as<T>(dy),
                                           .scale = at.floats(scale),
                                           .terms = at.floats(terms),
                                           .dx = at.as<T>(dx),
                                           .shape = shape,
                                           .elements = kCount};
      });
    });

    for (Twin* result : {&y, &dx}) EXPECT_EQ(result->on_device(), result->on_host());
  }
}

TEST(Kernels, ConversionsAgreeToTheBitWhereverTheyBegin) {
  for (const std::int64_t count : {1, 4095, 4096})
    for (const std::int64_t shift : {0, 1, 4}) {
      Twin from(Element::float32, count + shift, 1), wide(Element::float32, count + shift, 2);
      Twin narrow(Element::bfloat16, count + shift, 3);

      run_both([&](const Place& at) {
        return ConvertBody<float, BFloat16>{
            .from = at.floats(from) + shift, .to = at.as<BFloat16>(narrow) + shift, .elements = count};
      });
      run_both([&](const Place& at) {
        return ConvertBody<BFloat16, float>{
            .from = at.as<BFloat16>(narrow) + shift, .to = at.floats(wide) + shift, .elements = count};
      });

      for (Twin* result : {&narrow, &wide}) EXPECT_EQ(result->on_device(), result->on_host());
    }
}

TEST(Kernels, SquaresOfPiecesAgreeToTheBit) {
  const std::vector<Piece> pieces{{.begin = 0, .count = 4096, .segment = 0},
                                  {.begin = 4096, .count = 1003, .segment = 0},
                                  {.begin = 5104, .count = 3, .segment = 1},
                                  {.begin = 5109, .count = 2000, .segment = 2}};
  comm::DeviceBuffer<Piece> device_pieces(pieces.size(), "test");
  ANNULUS_CHECK_CUDA(
      cudaMemcpy(device_pieces.get(), pieces.data(), device_pieces.bytes(), cudaMemcpyHostToDevice));
  ANNULUS_CHECK_CUDA(cudaDeviceSynchronize());
  Twin values(Element::float32, 8000, 1);
  Twin squares = poisoned(Element::float32, 2 * static_cast<std::int64_t>(pieces.size()));  // of doubles

  run_both([&](const Place& at) {
    return OverPieces<PieceSquaresBody>{.count = static_cast<std::int64_t>(pieces.size()),
                                        .body = {.pieces = at.either(pieces.data(), device_pieces.get()),
                                                 .values = at.floats(values),
                                                 .squares = at.as<double>(squares)}};
  });

  const std::vector<float> device = squares.on_device(), host = squares.on_host();
  EXPECT_EQ(std::memcmp(device.data(), host.data(), device.size() * sizeof(float)), 0);
}

TEST(Kernels, LossAgrees) {
  for (const auto& [samples, classes] : {std::pair{1500, 10}, {300, 65}, {130, 1000}}) {
    SCOPED_TRACE(testing::Message() << samples << " samples, " << classes << " classes");
    Twin logits(Element::float32, std::int64_t{samples} * classes, 1);
    const std::vector<std::int32_t> labels =
        test::random_labels(static_cast<std::size_t>(samples), classes, 2);
    comm::DeviceBuffer<std::int32_t> device_labels(labels.size(), "test");
    ANNULUS_CHECK_CUDA(
        cudaMemcpy(device_labels.get(), labels.data(), device_labels.bytes(), cudaMemcpyHostToDevice));
    Twin gradient = poisoned(Element::float32, std::int64_t{samples} * classes);
    Twin head = poisoned(Element::float32, kLossHead),
         rows = poisoned(Element::float32, loss_scratch(samples));
    Twin probabilities = poisoned(Element::float32, std::int64_t{samples} * classes);

    ANNULUS_CHECK_CUDA(cudaDeviceSynchronize());
    run_both([&](const Place& at) {
      return LossBody<float, float>{.logits = at.floats(logits),
                                    .labels = at.either(labels.data(), device_labels.get()),
                                    .class_weights = nullptr,
                                    .weights = nullptr,
                                    .shares = nullptr,
                                    .gradient = at.floats(gradient),
                                    .classes = classes,
                                    .samples = samples,
                                    .smoothing = 0.1f,
                                    .top_k = classes / 2,
                                    .row_sums = at.floats(rows),
                                    .head = at.floats(head)};
    });
    run_both([&](const Place& at) {
      return SoftmaxBody<float>{.logits = at.floats(logits),
                                .probabilities = at.floats(probabilities),
                                .classes = classes,
                                .samples = samples};
    });

    // exp and log differ in their last digits, sums of classes in their order.
    EXPECT_TENSOR_NEAR(head.on_device(), head.on_host(), .norm = 1e-6);
    EXPECT_TENSOR_NEAR(gradient.on_device(), gradient.on_host(), .norm = 1e-5);
    EXPECT_TENSOR_NEAR(probabilities.on_device(), probabilities.on_host(), .norm = 1e-5);
  }
}

TEST(Kernels, SearchForNanFindsTheFirst) {
  std::vector<float> values(100'000, 1.0f);
  for (const std::size_t bad : {std::size_t{0}, std::size_t{70'001}, std::size_t{99'999}}) {
    std::vector<float> broken = values;
    broken[bad] = INFINITY;
    broken.back() = NAN;
    Twin tensor(Element::float32, broken);
    comm::DeviceBuffer<std::int64_t> found(1, "test");
    const comm::Stream stream;
    std::int64_t result = 0;

    enqueue(stream.get(), FindBadBody<float>{.values = static_cast<const float*>(tensor.device()),
                                             .elements = 100'000,
                                             .found = found.get()});
    comm::copy_to_host(std::span<std::int64_t>(&result, 1), found.get(), stream.get());
    stream.synchronize();

    EXPECT_EQ(result, static_cast<std::int64_t>(bad));
  }
}

}  // namespace
}  // namespace annulus::trainer::cuda
