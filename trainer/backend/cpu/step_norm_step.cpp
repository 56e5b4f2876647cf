// Batch normalisation with the statistics of the whole step: plain loops over whatever layout the values
// have, in double and in one order; what shards add up goes through the tree of the step's sums.
#include <algorithm>
#include <cmath>

#include "trainer/backend/cpu/channel_runs.hpp"
#include "trainer/backend/cpu/steps.hpp"
#include "trainer/backend/planning/step_sums.hpp"

namespace annulus::trainer::cpu {
namespace {

// Parameters of a batch_norm layer, in the order of Layer::parameters.
enum { kGamma = 0, kBeta = 1, kMovingMean = 2, kMovingVariance = 3 };

float* floats(const dnnl::memory& memory) { return static_cast<float*>(memory.get_data_handle()); }

class StepNormStep final : public SharingStep {
 public:
  StepNormStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Value& output);

  int rounds(Pass pass) const override { return sum_rounds(pass); }
  void give(Pass pass, int round, const ShardContext& context, std::span<float> own) override;
  void take(Pass pass, int round, std::span<const float> total) override;
  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override;

 private:
  void sum_values();
  void sum_squares();
  void sum_gradients();
  void report_statistics(const ShardContext& context) const;

  LayerRef ref_;
  ParameterStore& store_;
  ChannelRuns runs_;
  double epsilon_;
  std::size_t stored_;  ///< floats of a tensor; more than its values where the layout pads channels
  dnnl::memory gamma_, beta_, x_, y_, x_backward_, dy_, dx_, dgamma_, dbeta_;
  std::vector<double> sums_, products_;              ///< of this shard, by channel
  std::vector<float> mean_, variance_, inverse_;     ///< of the step
  std::vector<float> gradient_mean_, product_mean_;  ///< of dy and of dy h over the step
};

StepNormStep::StepNormStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                           const Value& output)
    : ref_(ref),
      store_(builder.store()),
      runs_(input.desc),
      epsilon_(static_cast<double>(std::get<BatchNorm>(ref.layer.operation).epsilon)),
      stored_(float_count(input.desc)),
      x_(builder.memory(input.desc, input.data, Pass::forward)),
      y_(builder.memory(output.desc, output.data, Pass::forward)),
      x_backward_(builder.memory(input.desc, input.data, Pass::backward)),
      dy_(builder.memory(output.desc, output.gradient, Pass::backward)),
      sums_(runs_.channels()),
      products_(runs_.channels()),
      mean_(runs_.channels()),
      variance_(runs_.channels()),
      inverse_(runs_.channels()),
      gradient_mean_(runs_.channels()),
      product_mean_(runs_.channels()) {
  const Desc channels = float_desc({input.shape.channels}, Tag::a);
  for (const int parameter : {kGamma, kBeta})
    store_.define(ref.index, parameter, channels, offset_tables(channels));
  if (input.wants_gradient()) dx_ = builder.memory(input.desc, input.gradient, Pass::backward);
  dgamma_ = builder.gradient(ref.index, kGamma);
  dbeta_ = builder.gradient(ref.index, kBeta);
  gamma_ = store_.memory(ref.index, kGamma);
  beta_ = store_.memory(ref.index, kBeta);
}

void StepNormStep::sum_values() {
  const float* const x = floats(x_);
  runs_.for_each([&](std::size_t at, std::size_t c, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) sums_[c + i] += static_cast<double>(x[at + i]);
  });
}

void StepNormStep::sum_squares() {
  const float* const x = floats(x_);
  runs_.for_each([&](std::size_t at, std::size_t c, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) {
      const double deviation = static_cast<double>(x[at + i]) - static_cast<double>(mean_[c + i]);
      sums_[c + i] += deviation * deviation;
    }
  });
}

void StepNormStep::sum_gradients() {
  const float *const x = floats(x_backward_), *const dy = floats(dy_);
  std::ranges::fill(products_, 0.0);
  runs_.for_each([&](std::size_t at, std::size_t c, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) {
      const float normalised = (x[at + i] - mean_[c + i]) * inverse_[c + i];
      sums_[c + i] += static_cast<double>(dy[at + i]);
      products_[c + i] += static_cast<double>(dy[at + i]) * static_cast<double>(normalised);
    }
  });
}

void StepNormStep::give(Pass pass, int round, const ShardContext& context, std::span<float> own) {
  std::ranges::fill(sums_, 0.0);
  if (pass == Pass::backward)
    sum_gradients();
  else if (round == 0)
    sum_values();
  else
    sum_squares();
  own[0] = static_cast<float>(context.samples.size());
  const auto rounded = [](double value) { return static_cast<float>(value); };
  float* const values = own.data() + kSumHead;
  std::ranges::transform(sums_, values, rounded);
  if (pass == Pass::backward) std::ranges::transform(products_, values + sums_.size(), rounded);
}

void StepNormStep::take(Pass pass, int round, std::span<const float> total) {
  const double count = static_cast<double>(total[0]) * static_cast<double>(runs_.pixels());
  const auto mean_of = [&](std::size_t k) { return static_cast<double>(total[kSumHead + k]) / count; };
  const std::size_t channels = runs_.channels();
  for (std::size_t c = 0; c < channels; ++c) {
    if (pass == Pass::backward) {
      gradient_mean_[c] = static_cast<float>(mean_of(c));
      product_mean_[c] = static_cast<float>(mean_of(channels + c));
    } else if (round == 0) {
      mean_[c] = static_cast<float>(mean_of(c));
    } else {
      variance_[c] = static_cast<float>(mean_of(c));
      inverse_[c] = static_cast<float>(1.0 / std::sqrt(mean_of(c) + epsilon_));
    }
  }
}

void StepNormStep::forward(const ShardContext& context) {
  const float *const x = floats(x_), *const gamma = floats(gamma_), *const beta = floats(beta_);
  float* const y = floats(y_);
  if (stored_ != runs_.values()) std::fill(y, y + stored_, 0.0f);
  runs_.for_each([&](std::size_t at, std::size_t c, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i)
      y[at + i] = gamma[c + i] * ((x[at + i] - mean_[c + i]) * inverse_[c + i]) + beta[c + i];
  });
  report_statistics(context);
}

/// dx = gamma / deviation * (dy - mean(dy) - h mean(dy h)) with h the normalised x and means over the step
/// (Ioffe & Szegedy 2015, section 3). gamma and beta get this shard's sums: the tree adds the others'.
void StepNormStep::backward(const ShardContext&) {
  const auto rounded = [](double value) { return static_cast<float>(value); };
  std::ranges::transform(products_, floats(dgamma_), rounded);
  std::ranges::transform(sums_, floats(dbeta_), rounded);
  if (!dx_) return;
  const float *const x = floats(x_backward_), *const dy = floats(dy_), *const gamma = floats(gamma_);
  float* const dx = floats(dx_);
  if (stored_ != runs_.values()) std::fill(dx, dx + stored_, 0.0f);
  runs_.for_each([&](std::size_t at, std::size_t c, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) {
      const float normalised = (x[at + i] - mean_[c + i]) * inverse_[c + i];
      const float centred = dy[at + i] - gradient_mean_[c + i] - normalised * product_mean_[c + i];
      dx[at + i] = gamma[c + i] * inverse_[c + i] * centred;
    }
  });
}

/// Every shard reports the step's statistics, weighted by its samples like those of a shard: their mean over
/// the step is what they are.
void StepNormStep::report_statistics(const ShardContext& context) const {
  float* const head = context.gradients.data() + kGradientHead;
  const auto samples = static_cast<float>(context.samples.size());
  const auto weigh = [&](float value) { return samples * value; };
  std::ranges::transform(mean_, head + store_.offset(ref_.index, kMovingMean), weigh);
  std::ranges::transform(variance_, head + store_.offset(ref_.index, kMovingVariance), weigh);
}

}  // namespace

Lowered make_step_norm(ProgramBuilder& builder, const LayerRef& ref, const Value& input) {
  expect_contract(builder.training() && !input.order && input.pending == Activation::none,
                  "a batch norm over the step takes plain rows or images with no pending derivative");
  Value output = input;
  output.data = builder.buffer();
  output.overwritable = true;
  output.from_data = false;
  output.gradient = builder.buffer();  // for gamma and beta, even where nothing before them wants one
  return {std::make_unique<StepNormStep>(builder, ref, input, output), output};
}

}  // namespace annulus::trainer::cpu
