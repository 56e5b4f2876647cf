// Group normalisation, which oneDNN 2.6 lacks: plain loops over whatever layout the values have, so that
// nothing is reordered. Sums are in double and in one order, so bits depend on the shard alone.
#include <algorithm>
#include <cmath>

#include "trainer/backend/cpu/steps.hpp"

namespace annulus::trainer::cpu {
namespace {

// Parameters of a group_norm layer, in the order of Layer::parameters.
enum { kGamma = 0, kBeta = 1 };

float* floats(const dnnl::memory& memory) { return static_cast<float*>(memory.get_data_handle()); }

/// Where the value of a sample, a channel and a pixel lies: at the sum of three offsets.
struct Places {
  std::vector<std::size_t> samples, channels, pixels;
};

Places places_of(const Desc& desc) {
  OffsetTables tables = offset_tables(desc);
  Places places{std::move(tables[0]), std::move(tables[1]), {}};
  if (tables.size() == 2) {
    places.pixels = {0};
    return places;
  }
  for (const std::size_t row : tables[2])
    for (const std::size_t column : tables[3]) places.pixels.push_back(row + column);
  return places;
}

/// Of the values of one sample and group.
struct Moments {
  float mean = 0, inverse_deviation = 0;

  double normalised(float x) const {
    return (static_cast<double>(x) - static_cast<double>(mean)) * static_cast<double>(inverse_deviation);
  }
};

class GroupNormStep final : public Step {
 public:
  GroupNormStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Value& output,
                const GroupNorm& norm);

  void forward(const ShardContext& context) override;
  void backward(const ShardContext& context) override;

 private:
  void place_training(ProgramBuilder& builder, const LayerRef& ref, const Value& input, const Value& output);
  /// Calls body(offset, channel) for the values of a sample and group, in one order.
  template <class Body>
  void for_each_value(std::size_t sample, std::size_t group, const Body& body) const;
  Moments moments_of(const float* x, std::size_t sample, std::size_t group) const;
  void backward_group(std::size_t sample, std::size_t group, const Moments& of);
  double values_of_group() const { return static_cast<double>(places_.pixels.size() * channels_of_group_); }

  Places places_;
  std::size_t groups_, channels_of_group_;
  double epsilon_;
  std::size_t stored_;  ///< floats of a tensor; more than its values where the layout pads channels
  bool padded_;
  dnnl::memory gamma_, beta_, x_, y_, moments_;                            ///< moments: (N, groups, 2)
  dnnl::memory x_backward_, moments_backward_, dy_, dx_, dgamma_, dbeta_;  ///< training
  std::vector<double> dgamma_sums_, dbeta_sums_;
};

GroupNormStep::GroupNormStep(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                             const Value& output, const GroupNorm& norm)
    : places_(places_of(input.desc)),
      groups_(static_cast<std::size_t>(norm.groups)),
      channels_of_group_(places_.channels.size() / groups_),
      epsilon_(static_cast<double>(norm.epsilon)),
      stored_(float_count(input.desc)),
      padded_(stored_ != static_cast<std::size_t>(builder.samples() * input.shape.size())),
      x_(builder.memory(input.desc, input.data, Pass::forward)),
      y_(builder.memory(output.desc, output.data, Pass::forward)) {
  if (builder.training()) place_training(builder, ref, input, output);
  gamma_ = builder.store().memory(ref.index, kGamma);
  beta_ = builder.store().memory(ref.index, kBeta);
}

void GroupNormStep::place_training(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                                   const Value& output) {
  const Desc channels = float_desc({input.shape.channels}, Tag::a);
  for (const int parameter : {kGamma, kBeta})
    builder.store().define(ref.index, parameter, channels, offset_tables(channels));
  const Desc moments = float_desc({builder.samples(), static_cast<std::int64_t>(groups_), 2}, Tag::abc);
  const BufferId kept = builder.buffer();
  moments_ = builder.memory(moments, kept, Pass::forward);
  moments_backward_ = builder.memory(moments, kept, Pass::backward);
  x_backward_ = builder.memory(input.desc, input.data, Pass::backward);
  dy_ = builder.memory(output.desc, output.gradient, Pass::backward);
  if (input.wants_gradient()) dx_ = builder.memory(input.desc, input.gradient, Pass::backward);
  dgamma_ = builder.gradient(ref.index, kGamma);
  dbeta_ = builder.gradient(ref.index, kBeta);
  dgamma_sums_.resize(places_.channels.size());
  dbeta_sums_.resize(places_.channels.size());
}

template <class Body>
void GroupNormStep::for_each_value(std::size_t sample, std::size_t group, const Body& body) const {
  const std::size_t first = group * channels_of_group_;
  for (const std::size_t pixel : places_.pixels)
    for (std::size_t c = first; c < first + channels_of_group_; ++c)
      body(places_.samples[sample] + pixel + places_.channels[c], c);
}

Moments GroupNormStep::moments_of(const float* x, std::size_t sample, std::size_t group) const {
  double sum = 0, squares = 0;
  for_each_value(sample, group, [&](std::size_t at, std::size_t) { sum += static_cast<double>(x[at]); });
  const double mean = sum / values_of_group();
  for_each_value(sample, group, [&](std::size_t at, std::size_t) {
    const double deviation = static_cast<double>(x[at]) - mean;
    squares += deviation * deviation;
  });
  return {static_cast<float>(mean),
          static_cast<float>(1.0 / std::sqrt(squares / values_of_group() + epsilon_))};
}

void GroupNormStep::forward(const ShardContext&) {
  const float *const x = floats(x_), *const gamma = floats(gamma_), *const beta = floats(beta_);
  float* const y = floats(y_);
  if (padded_) std::fill(y, y + stored_, 0.0f);
  float* kept = moments_ ? floats(moments_) : nullptr;
  for (std::size_t n = 0; n < places_.samples.size(); ++n) {
    for (std::size_t group = 0; group < groups_; ++group) {
      const Moments of = moments_of(x, n, group);
      for_each_value(n, group, [&](std::size_t at, std::size_t c) {
        y[at] = gamma[c] * static_cast<float>(of.normalised(x[at])) + beta[c];
      });
      if (kept == nullptr) continue;
      *kept++ = of.mean;
      *kept++ = of.inverse_deviation;
    }
  }
}

/// dx = (g - mean(g) - h mean(g h)) / deviation with h = normalised x and g = gamma dy.
void GroupNormStep::backward_group(std::size_t sample, std::size_t group, const Moments& of) {
  const float *const x = floats(x_backward_), *const dy = floats(dy_), *const gamma = floats(gamma_);
  double sum = 0, products = 0;
  for_each_value(sample, group, [&](std::size_t at, std::size_t c) {
    const double gradient = static_cast<double>(dy[at]), product = gradient * of.normalised(x[at]);
    dbeta_sums_[c] += gradient;
    dgamma_sums_[c] += product;
    sum += static_cast<double>(gamma[c]) * gradient;
    products += static_cast<double>(gamma[c]) * product;
  });
  if (!dx_) return;
  float* const dx = floats(dx_);
  const double mean = sum / values_of_group(), product_mean = products / values_of_group();
  for_each_value(sample, group, [&](std::size_t at, std::size_t c) {
    const double centred = static_cast<double>(gamma[c]) * static_cast<double>(dy[at]) - mean -
                           of.normalised(x[at]) * product_mean;
    dx[at] = static_cast<float>(static_cast<double>(of.inverse_deviation) * centred);
  });
}

void GroupNormStep::backward(const ShardContext&) {
  std::fill(dgamma_sums_.begin(), dgamma_sums_.end(), 0.0);
  std::fill(dbeta_sums_.begin(), dbeta_sums_.end(), 0.0);
  if (dx_ && padded_) std::fill(floats(dx_), floats(dx_) + stored_, 0.0f);
  const float* kept = floats(moments_backward_);
  for (std::size_t n = 0; n < places_.samples.size(); ++n)
    for (std::size_t group = 0; group < groups_; ++group, kept += 2)
      backward_group(n, group, {kept[0], kept[1]});
  const auto rounded = [](double value) { return static_cast<float>(value); };
  std::transform(dgamma_sums_.begin(), dgamma_sums_.end(), floats(dgamma_), rounded);
  std::transform(dbeta_sums_.begin(), dbeta_sums_.end(), floats(dbeta_), rounded);
}

}  // namespace

Lowered make_group_norm(ProgramBuilder& builder, const LayerRef& ref, const Value& input,
                        const GroupNorm& norm) {
  expect_contract(!input.order && input.pending == Activation::none,
                  "group norm takes plain rows or images with no pending derivative");
  Value output = input;
  output.data = builder.buffer();
  output.overwritable = true;
  output.from_data = false;
  // gamma and beta want a gradient even where nothing before them does.
  output.gradient = builder.training() || input.wants_gradient() ? builder.buffer() : kNoBuffer;
  return {std::make_unique<GroupNormStep>(builder, ref, input, output, norm), output};
}

}  // namespace annulus::trainer::cpu
