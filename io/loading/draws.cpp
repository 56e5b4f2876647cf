// See draws.hpp. An example of balanced draws: classes of 2 and 6 samples, so 4 draws of each class in an
// epoch of 8. The first class is drawn through twice an epoch, of the second one 4 of a permutation of 6 come
// in epoch 0; epoch 1 begins with its last 2 and goes on with 2 of the next permutation.
#include "io/loading/draws.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "base/random.hpp"

namespace annulus::io {
namespace {

/// Words of what draws need, unrelated to each other and to the orders of the run's seed: the last counter
/// word is no epoch that a run could reach.
std::array<std::uint32_t, 4> draw_words(std::uint64_t seed, std::uint64_t index) {
  return philox(stream_key(seed, Purpose::shuffle),
                {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), 0,
                 0x64726177u});  // "draw"
}

/// Whole numbers in proportion to the shares, of a sum below 2^31: products with it stay below 2^62.
std::vector<std::uint64_t> proportions_of(const std::vector<float>& shares) {
  const double sum = [&] {
    double all = 0;
    for (const float share : shares) all += share;
    return all;
  }();
  constexpr double kUnits = 1 << 30;
  std::vector<std::uint64_t> whole;
  for (const float share : shares)
    whole.push_back(share > 0 ? static_cast<std::uint64_t>(std::max(1.0, std::round(share / sum * kUnits)))
                              : 0);
  return whole;
}

class BalancedDraws final : public DrawCounts {
 public:
  BalancedDraws(std::span<const std::int32_t> labels, std::vector<float> shares, std::uint64_t seed)
      : samples_(labels.size()), seed_(seed) {
    expect_contract(samples_ > 0 && samples_ < kMostDrawnSamples, "draws are of samples that can be counted");
    sort_by_class(labels);
    const std::vector<std::uint64_t> proportions = shares.empty() ? equal() : proportions_of(shares);
    expect_contract(proportions.size() >= classes(), "every class has a share");
    for (std::size_t k = 0; k < classes(); ++k)
      shares_before_.push_back(shares_before_.back() + proportions[k]);
    for (std::size_t k = 0; k < proportions.size(); ++k)
      expect_contract(proportions[k] == 0 || (k < classes() && size_of_class(k) > 0),
                      "a class with a share has samples");
    expect_contract(shares_before_.back() > 0, "a share is above 0");
  }

  std::vector<std::uint32_t> counts(std::uint64_t epoch) const override {
    std::vector<std::uint32_t> times(samples_);
    for (std::size_t k = 0; k < classes(); ++k)
      draw(k, drawn_before(k, epoch), drawn_before(k, epoch + 1), times);
    return times;
  }

 private:
  std::size_t classes() const { return class_begin_.size() - 1; }
  std::uint64_t size_of_class(std::size_t k) const { return class_begin_[k + 1] - class_begin_[k]; }

  void sort_by_class(std::span<const std::int32_t> labels) {
    const auto classes = static_cast<std::size_t>(*std::ranges::max_element(labels)) + 1;
    class_begin_.resize(classes + 1);
    for (const std::int32_t label : labels) ++class_begin_[static_cast<std::size_t>(label) + 1];
    for (std::size_t k = 0; k < classes; ++k) class_begin_[k + 1] += class_begin_[k];
    std::vector<std::uint64_t> next(class_begin_.begin(), class_begin_.end() - 1);
    members_.resize(samples_);
    for (std::uint64_t i = 0; i < samples_; ++i)
      members_[next[static_cast<std::size_t>(labels[i])]++] = static_cast<std::uint32_t>(i);
  }

  std::vector<std::uint64_t> equal() const {
    std::vector<std::uint64_t> ones;
    for (std::size_t k = 0; k < classes(); ++k) ones.push_back(size_of_class(k) > 0 ? 1 : 0);
    return ones;
  }

  /// Draws of the first classes in so many draws of all. As each end is rounded down, a class lies less than
  /// one draw off its share, and all of them together have every draw.
  std::uint64_t drawn_below(std::size_t k, std::uint64_t all) const {
    const std::uint64_t whole = shares_before_.back();
    return all / whole * shares_before_[k] + all % whole * shares_before_[k] / whole;
  }
  std::uint64_t drawn_before(std::size_t k, std::uint64_t epoch) const {
    return drawn_below(k + 1, epoch * samples_) - drawn_below(k, epoch * samples_);
  }

  /// Draws [from, to) of a class since the run began.
  void draw(std::size_t k, std::uint64_t from, std::uint64_t to, std::vector<std::uint32_t>& times) const {
    if (from == to) return;
    const std::uint64_t size = size_of_class(k);
    const auto members = std::span(members_).subspan(class_begin_[k], size);
    const auto words = draw_words(seed_, k + 1);
    const std::uint64_t seed = std::uint64_t{words[0]} << 32 | words[1];
    std::uint32_t whole_rounds = 0;
    for (std::uint64_t round = from / size; round * size < to; ++round) {
      const std::uint64_t begin = std::max(from, round * size) - round * size;
      const std::uint64_t end = std::min(to, (round + 1) * size) - round * size;
      if (begin == 0 && end == size) {
        ++whole_rounds;
        continue;
      }
      const Permutation order(seed, round, size);
      for (std::uint64_t place = begin; place < end; ++place) ++times[members[order(place)]];
    }
    if (whole_rounds == 0) return;
    for (const std::uint32_t sample : members) times[sample] += whole_rounds;
  }

  std::uint64_t samples_;
  std::uint64_t seed_;
  std::vector<std::uint64_t> class_begin_;       ///< of each class in members_, and the end
  std::vector<std::uint32_t> members_;           ///< samples, class by class
  std::vector<std::uint64_t> shares_before_{0};  ///< of the classes before each, and of all
};

class WeightedDraws final : public DrawCounts {
 public:
  WeightedDraws(std::span<const float> weights, std::uint64_t seed)
      : weights_(weights.begin(), weights.end()), start_(draw_words(seed, 0)[0]) {
    expect_contract(!weights_.empty() && weights_.size() < kMostDrawnSamples,
                    "draws are of samples that can be counted");
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      expect_contract(weights_[i] >= 0 && std::isfinite(weights_[i]), "a weight is finite and not below 0");
      sum_ += weights_[i];
      if (weights_[i] > 0) last_ = i;
    }
    expect_contract(sum_ > 0, "a weight is above 0");
  }

  /// Draw j is of the sample in whose part of the line from 0 to N the point j + offset lies.
  std::vector<std::uint32_t> counts(std::uint64_t epoch) const override {
    const auto samples = static_cast<double>(weights_.size());
    const double offset = offset_of(epoch);
    std::vector<std::uint32_t> times(weights_.size());
    double weight = 0;
    std::uint64_t before = 0;
    for (std::size_t i = 0; i <= last_; ++i) {
      weight += weights_[i];
      const double points = std::clamp(std::ceil(weight * samples / sum_ - offset), 0.0, samples);
      const std::uint64_t with = i == last_ ? weights_.size() : static_cast<std::uint64_t>(points);
      times[i] = static_cast<std::uint32_t>(with - before);
      before = with;
    }
    return times;
  }

 private:
  /// In (0, 1): never an end of a part, so that a whole number of draws is not rounded.
  double offset_of(std::uint64_t epoch) const {
    constexpr std::uint32_t kGolden = 0x9E3779B9u;  // 2^32 / 1.618...
    const std::uint32_t word = start_ + static_cast<std::uint32_t>(epoch) * kGolden;
    return (static_cast<double>(word) + 0.5) * 0x1p-32;
  }

  std::vector<float> weights_;
  std::uint32_t start_;
  double sum_ = 0;
  std::size_t last_ = 0;  ///< sample with a weight above 0
};

}  // namespace

std::unique_ptr<const DrawCounts> make_balanced_draws(std::span<const std::int32_t> labels,
                                                      std::vector<float> shares, std::uint64_t seed) {
  return std::make_unique<BalancedDraws>(labels, std::move(shares), seed);
}

std::unique_ptr<const DrawCounts> make_weighted_draws(std::span<const float> weights, std::uint64_t seed) {
  return std::make_unique<WeightedDraws>(weights, seed);
}

}  // namespace annulus::io
