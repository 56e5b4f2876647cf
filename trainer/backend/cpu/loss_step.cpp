// Softmax cross entropy fused with its gradient: the last step of every program.
#include <algorithm>
#include <cmath>

#include "base/draw_key.hpp"
#include "trainer/backend/contract/loss_targets.hpp"
#include "trainer/backend/cpu/steps.hpp"
#include "trainer/model/top_k.hpp"

namespace annulus::trainer::cpu {
namespace {

/// probabilities = softmax(logits) of one sample. @return log of the normalisation, maximum included
double softmax(std::span<const float> logits, std::span<float> probabilities) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (std::size_t c = 0; c < logits.size(); ++c) {
    probabilities[c] = std::exp(logits[c] - largest);
    sum += probabilities[c];
  }
  const auto scale = static_cast<float>(1.0 / sum);
  for (float& probability : probabilities) probability *= scale;
  return std::log(sum) + largest;
}

class LossStep final : public Step {
 public:
  LossStep(ProgramBuilder& builder, const LayerRef& ref, const Value& logits, const LossOptions& options)
      : name_(ref.layer.name), options_(options), classes_(static_cast<std::size_t>(logits.shape.size())) {
    logits_ = builder.memory(logits.desc, logits.data, Pass::forward);
    if (!builder.training() || !logits.wants_gradient()) return;
    gradient_ = builder.memory(logits.desc, logits.gradient, Pass::forward);
    builder.memory(logits.desc, logits.gradient, Pass::backward);  // lives until the layer before reads it
  }

  void forward(const ShardContext& context) override;
  void backward(const ShardContext&) override {}

 private:
  void infer(const ShardContext& context) const;
  void check_label(const ShardContext& context, std::size_t sample) const;
  /// Turns probabilities into the gradient. @return the loss of the sample
  double differentiate(std::span<const float> logits, const LossTarget<double>& target, double log_sum,
                       std::span<float> gradient) const;
  double differentiate_mixture(std::span<const float> logits, const LossTarget<double>& own,
                               const LossTarget<double>& other, double log_sum,
                               std::span<float> gradient) const;

  std::string name_;
  LossOptions options_;
  std::size_t classes_;
  std::vector<float> scratch_ = std::vector<float>(classes_);
  dnnl::memory logits_, gradient_;
};

void LossStep::infer(const ShardContext& context) const {
  const auto* logits = static_cast<const float*>(logits_.get_data_handle());
  for (std::size_t begin = 0; begin < context.probabilities.size(); begin += classes_)
    softmax({logits + begin, classes_}, context.probabilities.subspan(begin, classes_));
}

double LossStep::differentiate(std::span<const float> logits, const LossTarget<double>& target,
                               double log_sum, std::span<float> gradient) const {
  const auto label = static_cast<std::size_t>(target.label);
  const double share = options_.label_smoothing / static_cast<double>(classes_);
  double loss = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    const double wanted = share + (c == label ? 1.0 - options_.label_smoothing : 0.0);
    if (wanted != 0) loss += wanted * (log_sum - logits[c]);
    gradient[c] = static_cast<float>(target.factor * (gradient[c] - wanted));
  }
  return target.factor * loss;
}

/// Both targets as one, whose factors are theirs.
double LossStep::differentiate_mixture(std::span<const float> logits, const LossTarget<double>& own,
                                       const LossTarget<double>& other, double log_sum,
                                       std::span<float> gradient) const {
  const double factor = own.factor + other.factor;
  const double hot = 1.0 - options_.label_smoothing;
  const double share = factor * options_.label_smoothing / static_cast<double>(classes_);
  double loss = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    const auto label = static_cast<std::int32_t>(c);
    const double wanted =
        share + hot * ((label == own.label ? own.factor : 0.0) + (label == other.label ? other.factor : 0.0));
    if (wanted != 0) loss += wanted * (log_sum - logits[c]);
    gradient[c] = static_cast<float>(factor * gradient[c] - wanted);
  }
  return loss;
}

void LossStep::check_label(const ShardContext& context, std::size_t sample) const {
  const std::int32_t label = context.labels[sample];
  if (label >= 0 && static_cast<std::size_t>(label) < classes_) return;
  throw DataError(
      "sample {} has label {}, but layer {} puts out {} classes (0 to {}): its loss is not defined. Check the labels of the dataset with `annulus data info`, or give the last layer more units.",
      sample_of(context.samples[sample]), label, name_, classes_, classes_ - 1);
}

void LossStep::forward(const ShardContext& context) {
  if (context.labels.empty()) return infer(context);
  const auto* logits = static_cast<const float*>(logits_.get_data_handle());
  const auto targets =
      loss_targets<double>(context.labels, options_.class_weights, context.weights, context.shares, classes_);
  for (std::size_t i = 0; i < context.labels.size(); ++i) check_label(context, i);
  double loss = 0;
  std::size_t correct = 0;
  std::size_t top = 0;
  for (std::size_t i = 0; i < context.labels.size(); ++i) {
    const auto sample = static_cast<std::int64_t>(i);
    const std::span<const float> row{logits + i * classes_, classes_};
    float* const target =
        gradient_ ? static_cast<float*>(gradient_.get_data_handle()) + i * classes_ : scratch_.data();
    const std::span<float> gradient{target, classes_};
    const double log_sum = softmax(row, gradient);
    loss += targets.mixed()
                ? differentiate_mixture(row, targets.own(sample), targets.other(sample), log_sum, gradient)
                : differentiate(row, targets.own(sample), log_sum, gradient);
    const std::int32_t label = targets.counted(sample);
    correct += std::max_element(row.begin(), row.end()) - row.begin() == label ? 1u : 0u;
    if (options_.top_k > 0) top += place_of(row, static_cast<std::size_t>(label)) < options_.top_k ? 1u : 0u;
  }
  context.gradients[kLossSum] = static_cast<float>(loss);
  context.gradients[kCorrectCount] = static_cast<float>(correct);
  context.gradients[kSampleCount] = static_cast<float>(context.labels.size());
  context.gradients[kTopCount] = static_cast<float>(top);
}

}  // namespace

std::unique_ptr<Step> make_loss(ProgramBuilder& builder, const LayerRef& ref, const Value& logits,
                                const LossOptions& options) {
  expect_contract(logits.flat() && !logits.order && extents(logits.desc)[1] == logits.shape.size(),
                  "logits are in Keras' order without padding");
  return std::make_unique<LossStep>(builder, ref, logits, options);
}

}  // namespace annulus::trainer::cpu
