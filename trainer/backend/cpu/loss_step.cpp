// Softmax cross entropy fused with its gradient: the last step of every program.
#include <algorithm>
#include <cmath>

#include "base/draw_key.hpp"
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
  /// Turns probabilities into the gradient. @return the loss of the sample
  double differentiate(std::span<const float> logits, std::int32_t label, double log_sum,
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

double LossStep::differentiate(std::span<const float> logits, std::int32_t label, double log_sum,
                               std::span<float> gradient) const {
  const auto target = static_cast<std::size_t>(label);
  const double weight = options_.class_weights.empty() ? 1.0 : options_.class_weights[target];
  const double share = options_.label_smoothing / static_cast<double>(classes_);
  double loss = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    const double wanted = share + (c == target ? 1.0 - options_.label_smoothing : 0.0);
    if (wanted != 0) loss += wanted * (log_sum - logits[c]);
    gradient[c] = static_cast<float>(weight * (gradient[c] - wanted));
  }
  return weight * loss;
}

void LossStep::forward(const ShardContext& context) {
  if (context.labels.empty()) return infer(context);
  const auto* logits = static_cast<const float*>(logits_.get_data_handle());
  double loss = 0;
  std::size_t correct = 0;
  std::size_t top = 0;
  for (std::size_t i = 0; i < context.labels.size(); ++i) {
    const std::int32_t label = context.labels[i];
    if (label < 0 || static_cast<std::size_t>(label) >= classes_)
      throw DataError(
          "sample {} has label {}, but layer {} puts out {} classes (0 to {}): its loss is not defined. Check the labels of the dataset with `annulus data info`, or give the last layer more units.",
          sample_of(context.samples[i]), label, name_, classes_, classes_ - 1);
    const std::span<const float> row{logits + i * classes_, classes_};
    float* target =
        gradient_ ? static_cast<float*>(gradient_.get_data_handle()) + i * classes_ : scratch_.data();
    const double log_sum = softmax(row, {target, classes_});
    loss += differentiate(row, label, log_sum, {target, classes_});
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
