// Flat vectors beside the images, vectors joined, and images that go on at the opposite edge.
#include <algorithm>

#include "trainer/backend/cuda/kernels/structure_body.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {
namespace {

std::int32_t length_of(const Value& value) { return static_cast<std::int32_t>(value.shape.size()); }

/// One named vector of every sample, out of the rows that hold all of them.
class VectorInputStep final : public Step {
 public:
  VectorInputStep(Compiler& compiler, Columns source, const Value& output)
      : to_(elements_of(output.element)),
        source_(source),
        length_(length_of(output)),
        samples_(compiler.samples()),
        y_(output.data) {}

  void forward(const ShardContext& context) override {
    enqueue(context.stream, to_, [&]<class T>(Instance<T>) {
      return CopyColumnsBody<float, T>{.from = context.vectors,
                                       .to = context.at<T>(y_),
                                       .source = source_,
                                       .target = {length_, 0},
                                       .columns = length_,
                                       .rows = samples_};
    });
  }
  void backward(const ShardContext&) override {}

 private:
  ElementInstance to_;
  Columns source_;
  std::int32_t length_;
  std::int64_t samples_;
  BufferId y_;
};

class ConcatStep final : public Step {
 public:
  ConcatStep(Compiler& compiler, const std::vector<Value>& inputs, const Value& output)
      : instance_(elements_of(compiler.element())),
        samples_(compiler.samples()),
        stride_(length_of(output)),
        y_(output.data),
        dy_(output.gradient) {
    std::int32_t first = 0;
    for (const Value& input : inputs) {
      Part part{.first = first, .length = length_of(input)};
      part.x = compiler.use(input.data, Pass::forward);
      if (input.wants_gradient()) part.dx = compiler.use(input.gradient, Pass::backward);
      parts_.push_back(part);
      first += part.length;
    }
  }

  void forward(const ShardContext& context) override {
    with_instance(instance_, [&]<class T>(Instance<T>) {
      for (const Part& part : parts_)
        enqueue(context.stream, CopyColumnsBody<T, T>{.from = context.at<T>(part.x),
                                                      .to = context.at<T>(y_),
                                                      .source = {part.length, 0},
                                                      .target = {stride_, part.first},
                                                      .columns = part.length,
                                                      .rows = samples_});
    });
  }
  void backward(const ShardContext& context) override {
    with_instance(instance_, [&]<class T>(Instance<T>) {
      for (const Part& part : parts_)
        if (part.dx != kNoBuffer)
          enqueue(context.stream, CopyColumnsBody<T, T>{.from = context.at<T>(dy_),
                                                        .to = context.at<T>(part.dx),
                                                        .source = {stride_, part.first},
                                                        .target = {part.length, 0},
                                                        .columns = part.length,
                                                        .rows = samples_});
    });
  }

 private:
  struct Part {
    std::int32_t first, length;
    BufferId x = kNoBuffer, dx = kNoBuffer;
  };
  ElementInstance instance_;
  std::int64_t samples_;
  std::int32_t stride_;
  BufferId y_, dy_;
  std::vector<Part> parts_;
};

class CircularPadStep final : public Step {
 public:
  CircularPadStep(Compiler& compiler, const CircularPad& pad, const Value& input, const Value& output)
      : packs_(packs_of(compiler.element(), input.shape.channels)),
        samples_(compiler.samples()),
        frame_{.height = static_cast<std::int32_t>(input.shape.height),
               .width = static_cast<std::int32_t>(input.shape.width),
               .channels = static_cast<std::int32_t>(input.shape.channels),
               .outer_height = static_cast<std::int32_t>(output.shape.height),
               .outer_width = static_cast<std::int32_t>(output.shape.width),
               .top = static_cast<std::int32_t>(pad.height),
               .left = static_cast<std::int32_t>(pad.width)},
        x_(compiler.use(input.data, Pass::forward)),
        y_(output.data) {
    if (!input.wants_gradient()) return;
    dx_ = compiler.use(input.gradient, Pass::backward);
    dy_ = output.gradient;
  }

  void forward(const ShardContext& context) override {
    enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
      return WrapBody<T, P>{
          .inner = context.at<T>(x_), .outer = context.at<T>(y_), .frame = frame_, .samples = samples_};
    });
  }
  void backward(const ShardContext& context) override {
    if (dx_ == kNoBuffer) return;
    enqueue(context.stream, packs_, [&]<class T, int P>(Instance<T, P>) {
      return UnwrapBody<T, P>{
          .outer = context.at<T>(dy_), .inner = context.at<T>(dx_), .frame = frame_, .samples = samples_};
    });
  }

 private:
  PackInstance packs_;
  std::int64_t samples_;
  Frame frame_;
  BufferId x_, y_, dx_ = kNoBuffer, dy_ = kNoBuffer;
};

}  // namespace

Lowered make_vector_input(Compiler& compiler, const std::vector<NamedVector>& vectors, std::size_t k) {
  std::int64_t first = 0;
  for (std::size_t i = 0; i < k; ++i) first += vectors[i].length;
  const Columns source{static_cast<std::int32_t>(total_length(vectors)), static_cast<std::int32_t>(first)};
  const Value output =
      compiler.converted_input("the input " + vectors[k].name, {.channels = vectors[k].length, .flat = true});
  return {std::make_unique<VectorInputStep>(compiler, source, output), output};
}

Lowered make_concat(Compiler& compiler, const LayerRef& ref, const std::vector<Value>& inputs) {
  const bool gradient = std::ranges::any_of(inputs, &Value::wants_gradient);
  const Value output = compiler.output(ref, compiler.element(), gradient_if(gradient));
  return {std::make_unique<ConcatStep>(compiler, inputs, output), output};
}

Lowered make_circular_pad(Compiler& compiler, const LayerRef& ref, const Value& input,
                          const CircularPad& pad) {
  const Value output = compiler.output(ref, compiler.element(), gradient_if(input.wants_gradient()));
  return {std::make_unique<CircularPadStep>(compiler, pad, input, output), output};
}

}  // namespace annulus::trainer::cuda
