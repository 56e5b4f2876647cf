// Sums of branches, values with several readers, and the loss at the end.
#include <algorithm>

#include "base/error.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {
namespace {

/// y = activation(sum of terms), kMostTerms at a time.
void enqueue_sum(SumCall call, const std::vector<const void*>& terms, cudaStream_t stream) {
  const Activation activation = call.kind;
  call.terms[0] = terms[0];
  for (std::size_t next = 1; next < terms.size();) {
    call.terms_count = 1;
    while (next < terms.size() && call.terms_count < kMostTerms)
      call.terms[call.terms_count++] = terms[next++];
    call.kind = next == terms.size() ? activation : Activation::none;
    enqueue(call, stream);
    call.terms[0] = call.y;
  }
}

class SumStep final : public Step {
 public:
  SumStep(Compiler& compiler, const std::vector<Value>& inputs, const Value& output, const Tail& tail)
      : element_(compiler.element()),
        count_(compiler.count(output)),
        kind_(tail.activation),
        own_derivative_(tail.own_derivative()),
        y_(output.data),
        dy_(output.gradient) {
    for (const Value& input : inputs) terms_.push_back(compiler.use(input.data, Phase::forward));
    if (!output.wants_gradient()) return;
    if (own_derivative_ != Activation::none) compiler.use(y_, Phase::backward);
    for (const Value& input : inputs)
      if (input.wants_gradient()) gradients_.push_back(compiler.use(input.gradient, Phase::backward));
  }

  void forward(const ShardContext& context) override {
    std::vector<const void*> terms;
    for (const BufferId term : terms_) terms.push_back(context.at(term));
    enqueue_sum({.element = element_,
                 .terms = {},
                 .terms_count = 0,
                 .y = context.at(y_),
                 .count = count_,
                 .kind = kind_},
                terms, context.stream);
  }
  /// Every term gets the gradient of the sum, each in a buffer of its own, because steps change theirs in
  /// place.
  void backward(const ShardContext& context) override {
    const void* dy = context.at(dy_);  // without a derivative, y is not read
    const void* y = own_derivative_ == Activation::none ? dy : context.at(y_);
    for (const BufferId gradient : gradients_)
      enqueue(DerivativeCall{element_, y, dy, context.at(gradient), count_, own_derivative_}, context.stream);
  }

 private:
  Element element_;
  std::int64_t count_;
  Activation kind_, own_derivative_;
  BufferId y_, dy_;
  std::vector<BufferId> terms_, gradients_;
};

class FanOutStep final : public Step {
 public:
  FanOutStep(Compiler& compiler, const Value& input, const std::vector<Value>& outputs)
      : element_(compiler.element()), count_(compiler.count(input)), sum_(input.gradient) {
    if (!input.wants_gradient()) return;
    compiler.use(sum_, Phase::backward);
    for (const Value& output : outputs) terms_.push_back(compiler.use(output.gradient, Phase::backward));
  }

  void forward(const ShardContext&) override {}
  void backward(const ShardContext& context) override {
    if (terms_.empty()) return;
    std::vector<const void*> terms;
    for (const BufferId term : terms_) terms.push_back(context.at(term));
    enqueue_sum({.element = element_,
                 .terms = {},
                 .terms_count = 0,
                 .y = context.at(sum_),
                 .count = count_,
                 .kind = Activation::none},
                terms, context.stream);
  }

 private:
  Element element_;
  std::int64_t count_;
  BufferId sum_;
  std::vector<BufferId> terms_;  // the first is the input's own buffer
};

// Kernels do not see replica.hpp, which nvcc does not compile.
static_assert(kLossHead == static_cast<int>(kGradientHead) && kLossSum == 0 && kCorrectCount == 1 &&
              kSampleCount == 2);

class LossStep final : public Step {
 public:
  LossStep(Compiler& compiler, const Value& logits, const LossParameters& parameters)
      : logits_element_(logits.element),
        element_(compiler.element()),
        training_(compiler.training()),
        classes_(static_cast<std::int32_t>(logits.shape.size())),
        samples_(compiler.samples()),
        parameters_(parameters) {
    logits_ = compiler.use(logits.data, Phase::forward);
    if (!training_) return;
    rows_ =
        compiler.scratch(static_cast<std::size_t>(loss_scratch(samples_)) * sizeof(float), Phase::forward);
    if (!logits.wants_gradient()) return;
    gradient_ = compiler.use(logits.gradient, Phase::forward);
    compiler.use(logits.gradient, Phase::backward);  // lives until the step before reads it
  }

  void forward(const ShardContext& context) override {
    if (!training_) {
      enqueue(SoftmaxCall{logits_element_, context.at(logits_), context.probabilities, classes_, samples_},
              context.stream);
      return;
    }
    enqueue(LossCall{logits_element_, context.at(logits_), context.labels, parameters_.class_weights,
                     element_, gradient_ == kNoBuffer ? nullptr : context.at(gradient_), classes_, samples_,
                     parameters_.smoothing, context.floats(rows_), context.gradients},
            context.stream);
  }
  void backward(const ShardContext&) override {}

 private:
  Element logits_element_, element_;
  bool training_;
  std::int32_t classes_;
  std::int64_t samples_;
  LossParameters parameters_;
  BufferId logits_ = kNoBuffer, gradient_ = kNoBuffer, rows_ = kNoBuffer;
};

}  // namespace

Lowered make_sum(Compiler& compiler, const LayerRef& ref, const std::vector<Value>& inputs,
                 const Tail& tail) {
  const bool gradient =
      std::any_of(inputs.begin(), inputs.end(), [](const Value& input) { return input.wants_gradient(); });
  expect_contract(inputs.size() >= 2, "a sum has two terms or more");
  Value output = compiler.output(ref, compiler.element(), gradient_if(gradient));
  output.pending = tail.left_to_reader;
  return {std::make_unique<SumStep>(compiler, inputs, output, tail), output};
}

FanOut make_fan_out(Compiler& compiler, const Value& input, std::size_t readers) {
  expect_contract(input.pending == PendingRelu::no, "a derivative is left to a single reader only");
  std::vector<Value> outputs(readers, input);
  for (std::size_t i = 1; i < readers && input.wants_gradient(); ++i)
    outputs[i].gradient = compiler.gradient_like(input);
  return {std::make_unique<FanOutStep>(compiler, input, outputs), outputs};
}

std::unique_ptr<Step> make_loss(Compiler& compiler, const Value& logits, const LossParameters& parameters) {
  return std::make_unique<LossStep>(compiler, logits, parameters);
}

}  // namespace annulus::trainer::cuda
