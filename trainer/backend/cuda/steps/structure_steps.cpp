// Sums of branches, values with several readers, and the loss at the end.
#include <algorithm>

#include "base/error.hpp"
#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/kernels/loss_body.hpp"
#include "trainer/backend/cuda/steps/steps.hpp"

namespace annulus::trainer::cuda {
namespace {

/// A sum of tensors of `elements` values each.
struct Sum {
  PackInstance packs;
  const std::vector<BufferId>& terms;
  BufferId y;
  std::int64_t elements;
  Activation kind = Activation::none;
};

/// y = activation(sum of terms), kMostTerms at a time.
template <class T, int P>
void enqueue_sum(const Sum& sum, const ShardContext& context) {
  SumBody<T, P> body{
      .terms = {}, .count = 0, .y = context.at<T>(sum.y), .elements = sum.elements, .kind = sum.kind};
  body.terms[0] = context.at<T>(sum.terms[0]);
  for (std::size_t next = 1; next < sum.terms.size();) {
    body.count = 1;
    while (next < sum.terms.size() && body.count < kMostTerms)
      body.terms[body.count++] = context.at<T>(sum.terms[next++]);
    body.kind = next == sum.terms.size() ? sum.kind : Activation::none;
    enqueue(context.stream, body);
    body.terms[0] = body.y;
  }
}

void enqueue_sum(const Sum& sum, const ShardContext& context) {
  with_instance(sum.packs, [&]<class T, int P>(Instance<T, P>) { enqueue_sum<T, P>(sum, context); });
}

class SumStep final : public Step {
 public:
  SumStep(Compiler& compiler, const std::vector<Value>& inputs, const Value& output, const Tail& tail)
      : count_(compiler.count(output)),
        packs_(packs_of(compiler.element(), count_)),
        kind_(tail.activation),
        own_derivative_(tail.own_derivative()),
        y_(output.data),
        dy_(output.gradient) {
    for (const Value& input : inputs) terms_.push_back(compiler.use(input.data, Pass::forward));
    if (!output.wants_gradient()) return;
    if (own_derivative_ != Activation::none) compiler.use(y_, Pass::backward);
    for (const Value& input : inputs)
      if (input.wants_gradient()) gradients_.push_back(compiler.use(input.gradient, Pass::backward));
  }

  void forward(const ShardContext& context) override {
    enqueue_sum({.packs = packs_, .terms = terms_, .y = y_, .elements = count_, .kind = kind_}, context);
  }
  /// Every term gets the gradient of the sum, each in a buffer of its own, because steps change theirs in
  /// place.
  void backward(const ShardContext& context) override {
    // Without a derivative, y is not read.
    const BufferId y = own_derivative_ == Activation::none ? dy_ : y_;
    with_instance(packs_, [&]<class T, int P>(Instance<T, P>) {
      for (const BufferId gradient : gradients_)
        enqueue(context.stream, DerivativeBody<T, P>{.y = context.at<T>(y),
                                                     .dy = context.at<T>(dy_),
                                                     .dx = context.at<T>(gradient),
                                                     .elements = count_,
                                                     .kind = own_derivative_});
    });
  }

 private:
  std::int64_t count_;
  PackInstance packs_;
  Activation kind_, own_derivative_;
  BufferId y_, dy_;
  std::vector<BufferId> terms_, gradients_;
};

class FanOutStep final : public Step {
 public:
  FanOutStep(Compiler& compiler, const Value& input, const std::vector<Value>& outputs)
      : count_(compiler.count(input)), packs_(packs_of(compiler.element(), count_)), sum_(input.gradient) {
    if (!input.wants_gradient()) return;
    compiler.use(sum_, Pass::backward);
    for (const Value& output : outputs) terms_.push_back(compiler.use(output.gradient, Pass::backward));
  }

  void forward(const ShardContext&) override {}
  void backward(const ShardContext& context) override {
    if (terms_.empty()) return;
    enqueue_sum({.packs = packs_, .terms = terms_, .y = sum_, .elements = count_}, context);
  }

 private:
  std::int64_t count_;
  PackInstance packs_;
  BufferId sum_;
  std::vector<BufferId> terms_;  // the first is the input's own buffer
};

// Kernels do not see replica.hpp, which nvcc does not compile.
static_assert(kLossHead == static_cast<int>(kGradientHead) && kLossSum == 0 && kCorrectCount == 1 &&
              kSampleCount == 2 && kTopCount == 3);

class LossStep final : public Step {
 public:
  LossStep(Compiler& compiler, const Value& logits, const LossParameters& parameters)
      : logits_instance_(elements_of(logits.element)),
        gradient_instance_(elements_of(compiler.element())),
        training_(compiler.training()),
        classes_(static_cast<std::int32_t>(logits.shape.size())),
        samples_(compiler.samples()),
        parameters_(parameters) {
    logits_ = compiler.use(logits.data, Pass::forward);
    if (!training_) return;
    rows_ = compiler.scratch(static_cast<std::size_t>(loss_scratch(samples_)) * sizeof(float), Pass::forward);
    if (!logits.wants_gradient()) return;
    gradient_ = compiler.use(logits.gradient, Pass::forward);
    compiler.use(logits.gradient, Pass::backward);  // lives until the step before reads it
  }

  void forward(const ShardContext& context) override {
    if (training_)
      find_loss(context);
    else
      find_probabilities(context);
  }
  void backward(const ShardContext&) override {}

 private:
  void find_loss(const ShardContext& context) const {
    enqueue(context.stream, logits_instance_, gradient_instance_,
            [&]<class L, class T>(Instance<L>, Instance<T>) {
              return LossBody<L, T>{.logits = context.at<L>(logits_),
                                    .labels = context.labels,
                                    .class_weights = parameters_.class_weights,
                                    .weights = context.weights,
                                    .shares = context.shares,
                                    .gradient = gradient_ == kNoBuffer ? nullptr : context.at<T>(gradient_),
                                    .classes = classes_,
                                    .samples = samples_,
                                    .smoothing = parameters_.smoothing,
                                    .top_k = parameters_.top_k,
                                    .row_sums = context.floats(rows_),
                                    .head = context.gradients};
            });
  }
  void find_probabilities(const ShardContext& context) const {
    enqueue(context.stream, logits_instance_, [&]<class L>(Instance<L>) {
      return SoftmaxBody<L>{.logits = context.at<L>(logits_),
                            .probabilities = context.probabilities,
                            .classes = classes_,
                            .samples = samples_};
    });
  }

  ElementInstance logits_instance_, gradient_instance_;
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
