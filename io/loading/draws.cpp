// See draws.hpp. An example of balanced draws: classes of 2 and 6 samples, so 4 draws of each class in an
// epoch of 8. The first class is drawn through twice an epoch, of the second one 4 of a permutation of 6 come
// in epoch 0; epoch 1 begins with its last 2 and goes on with 2 of the next permutation.
#include "io/loading/draws.hpp"

#include <algorithm>
#include <cmath>

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

/// Seed of the permutations of a class.
std::uint64_t seed_of_class(std::uint64_t seed, std::size_t k) {
  const auto words = draw_words(seed, k + 1);
  return std::uint64_t{words[0]} << 32 | words[1];
}

/// Samples sorted by class, in their order inside each.
class ClassMembers {
 public:
  explicit ClassMembers(std::span<const std::int32_t> labels) {
    expect_contract(!labels.empty() && labels.size() < kMostDrawnSamples,
                    "draws are of samples that can be counted");
    const auto classes = static_cast<std::size_t>(*std::ranges::max_element(labels)) + 1;
    begin_.resize(classes + 1);
    for (const std::int32_t label : labels) ++begin_[static_cast<std::size_t>(label) + 1];
    for (std::size_t k = 0; k < classes; ++k) begin_[k + 1] += begin_[k];
    std::vector<std::uint64_t> next(begin_.begin(), begin_.end() - 1);
    all_.resize(labels.size());
    for (std::size_t i = 0; i < labels.size(); ++i)
      all_[next[static_cast<std::size_t>(labels[i])]++] = static_cast<std::uint32_t>(i);
  }

  std::size_t classes() const { return begin_.size() - 1; }
  std::uint64_t samples() const { return all_.size(); }
  std::span<const std::uint32_t> of(std::size_t k) const {
    return std::span(all_).subspan(begin_[k], begin_[k + 1] - begin_[k]);
  }

 private:
  std::vector<std::uint64_t> begin_;  ///< of each class in all_, and the end
  std::vector<std::uint32_t> all_;
};

class BalancedDraws final : public DrawCounts {
 public:
  BalancedDraws(std::span<const std::int32_t> labels, const std::vector<float>& shares, std::uint64_t seed)
      : members_(labels), seed_(seed) {
    const std::vector<std::uint64_t> proportions = shares.empty() ? equal() : proportions_of(shares);
    expect_contract(proportions.size() >= members_.classes(), "every class has a share");
    for (std::size_t k = 0; k < proportions.size(); ++k)
      expect_contract(proportions[k] == 0 || (k < members_.classes() && !members_.of(k).empty()),
                      "a class with a share has samples");
    for (std::size_t k = 0; k < members_.classes(); ++k)
      shares_before_.push_back(shares_before_.back() + proportions[k]);
    expect_contract(shares_before_.back() > 0, "a share is above 0");
  }

  std::vector<std::uint32_t> counts(std::uint64_t epoch) const override {
    std::vector<std::uint32_t> times(members_.samples());
    for (std::size_t k = 0; k < members_.classes(); ++k)
      draw(k, drawn_before(k, epoch), drawn_before(k, epoch + 1), times);
    return times;
  }

 private:
  std::vector<std::uint64_t> equal() const {
    std::vector<std::uint64_t> ones;
    for (std::size_t k = 0; k < members_.classes(); ++k) ones.push_back(members_.of(k).empty() ? 0 : 1);
    return ones;
  }

  /// Draws of the first classes in so many draws of all. As each end is rounded down, a class lies less than
  /// one draw off its share, and all of them together have every draw.
  std::uint64_t drawn_below(std::size_t k, std::uint64_t all) const {
    const std::uint64_t whole = shares_before_.back();
    return all / whole * shares_before_[k] + all % whole * shares_before_[k] / whole;
  }
  std::uint64_t drawn_before(std::size_t k, std::uint64_t epoch) const {
    const std::uint64_t all = epoch * members_.samples();
    return drawn_below(k + 1, all) - drawn_below(k, all);
  }

  /// Draws [from, to) of a class since the run began.
  void draw(std::size_t k, std::uint64_t from, std::uint64_t to, std::vector<std::uint32_t>& times) const {
    if (from == to) return;
    const auto members = members_.of(k);
    const std::uint64_t size = members.size();
    std::uint32_t whole_rounds = 0;
    for (std::uint64_t round = from / size; round * size < to; ++round) {
      const std::uint64_t begin = std::max(from, round * size) - round * size;
      const std::uint64_t end = std::min(to, (round + 1) * size) - round * size;
      if (begin == 0 && end == size) {
        ++whole_rounds;
        continue;
      }
      const Permutation order(seed_of_class(seed_, k), round, size);
      for (std::uint64_t place = begin; place < end; ++place) ++times[members[order(place)]];
    }
    if (whole_rounds == 0) return;
    for (const std::uint32_t sample : members) times[sample] += whole_rounds;
  }

  ClassMembers members_;
  std::uint64_t seed_;
  std::vector<std::uint64_t> shares_before_{0};  ///< of the classes before each, and of all
};

/// Samples lie on a line, each as long as its share of the draws, and points at a distance of one draw show
/// who is drawn. Classes lie one behind the other, so that each has its share to a draw; inside a class the
/// samples are mixed, as weights that come again and again in the order of a file would all be rounded alike.
class WeightedDraws final : public DrawCounts {
 public:
  WeightedDraws(std::span<const float> weights, std::span<const std::int32_t> labels, std::uint64_t seed)
      : start_(draw_words(seed, 0)[0]) {
    expect_contract(weights.size() == labels.size(), "every sample has a weight and a label");
    const ClassMembers members(labels);
    order_.reserve(weights.size());
    for (std::size_t k = 0; k < members.classes(); ++k) {
      const auto of = members.of(k);
      const Permutation mixed(seed_of_class(seed, k), 0, of.size());
      for (std::uint64_t place = 0; place < of.size(); ++place) order_.push_back(of[mixed(place)]);
    }
    for (const std::uint32_t sample : order_) {
      const float weight = weights[sample];
      expect_contract(weight >= 0 && std::isfinite(weight), "a weight is finite and not below 0");
      sum_ += weight;
      if (weight > 0) last_ = weights_.size();
      weights_.push_back(weight);
    }
    expect_contract(sum_ > 0, "a weight is above 0");
  }

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
      times[order_[i]] = static_cast<std::uint32_t>(with - before);
      before = with;
    }
    return times;
  }

 private:
  /// Of the first point, in (0, 1): never an end of a part, so that a whole number of draws is not rounded.
  double offset_of(std::uint64_t epoch) const {
    constexpr std::uint32_t kGolden = 0x9E3779B9u;  // 2^32 / 1.618...
    const std::uint32_t word = start_ + static_cast<std::uint32_t>(epoch) * kGolden;
    return (static_cast<double>(word) + 0.5) * 0x1p-32;
  }

  std::uint32_t start_;
  std::vector<std::uint32_t> order_;  ///< samples on the line
  std::vector<float> weights_;        ///< of these
  double sum_ = 0;
  std::size_t last_ = 0;  ///< place of the last weight above 0
};

}  // namespace

std::unique_ptr<const DrawCounts> make_balanced_draws(std::span<const std::int32_t> labels,
                                                      const std::vector<float>& shares, std::uint64_t seed) {
  return std::make_unique<BalancedDraws>(labels, shares, seed);
}

std::unique_ptr<const DrawCounts> make_weighted_draws(std::span<const float> weights,
                                                      std::span<const std::int32_t> labels,
                                                      std::uint64_t seed) {
  return std::make_unique<WeightedDraws>(weights, labels, seed);
}

}  // namespace annulus::io
