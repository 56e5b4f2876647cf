// See diagnosis.hpp. A rank keeps what the checks of its replica say about each shard; the sentence is about
// what a step meets first.
#include "trainer/loop/diagnosis.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <new>
#include <optional>
#include <tuple>
#include <vector>

#include "base/draw_key.hpp"
#include "trainer/backend/contract/bad_value.hpp"
#include "trainer/loop/step_hook.hpp"

namespace annulus::trainer {
namespace {

constexpr std::size_t kKeptFindings = 4;
constexpr std::size_t kReasonBytes = 160;

/// What a rank found. Plain bytes.
struct Findings {
  std::array<BadValue, kKeptFindings> values{};  ///< of different shards, what a step meets first in front
  std::int32_t count = 0;
  double worst_loss = 0;                     ///< largest mean loss of a shard
  std::int64_t worst_shard = -1;             ///< -1: none
  bool mixed = false;                        ///< inputs are mixtures of two samples
  std::array<char, kReasonBytes> failure{};  ///< why the rank could not look; "" = it could
};

/// A place for the gradient of one shard, from where nothing goes anywhere.
class ScratchReducer final : public comm::GradientReducer {
 public:
  explicit ScratchReducer(std::size_t elements)
      : values_(static_cast<float*>(::operator new(elements * sizeof(float), kAlignment))),
        span_(values_.get(), elements) {
    std::ranges::fill(span_, 0.0f);
  }

  std::span<float> begin_shard(std::int64_t) override { return span_; }
  void bucket_ready(std::int64_t, std::size_t) override {}
  void progress() override {}
  std::span<const float> finish() override { return span_; }
  const std::vector<comm::Bucket>& buckets() const override { return buckets_; }
  comm::ShardRange owned() const override { return {}; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(float* data) const { ::operator delete(data, kAlignment); }
  };
  std::unique_ptr<float, Delete> values_;
  std::span<float> span_;
  std::vector<comm::Bucket> buckets_;
};

/// Value checks while it lives.
class ChecksOn {
 public:
  ChecksOn(Replica& replica, ValueChecks usual) : replica_(replica), usual_(usual) {
    replica_.set_checks(ValueChecks::on);
  }
  ~ChecksOn() { replica_.set_checks(usual_); }
  ChecksOn(const ChecksOn&) = delete;
  ChecksOn& operator=(const ChecksOn&) = delete;

 private:
  Replica& replica_;
  ValueChecks usual_;
};

/// A shard by itself while it lives: sums over the step are those of the one shard that is looked at, so
/// that no rank waits for another. What is not finite shows all the same.
class OwnSums {
 public:
  explicit OwnSums(Replica& replica)
      : replica_(replica), scratch_(std::max<std::size_t>(replica.step_sum_elements(), 1)) {
    former_ = replica_.set_step_sums(&scratch_);
  }
  ~OwnSums() { replica_.set_step_sums(former_); }
  OwnSums(const OwnSums&) = delete;
  OwnSums& operator=(const OwnSums&) = delete;

 private:
  Replica& replica_;
  ScratchReducer scratch_;
  comm::GradientReducer* former_ = nullptr;
};

/// Smaller is met earlier: backward goes through the layers from the last one.
auto order_of(const BadValue& bad) {
  const bool backward = bad.place >= BadPlace::passed_back;
  return std::tuple(std::min(bad.place, BadPlace::passed_back), backward ? -bad.layer : bad.layer, bad.place);
}

/// A bad value of the shard's head: its loss, or the statistics of a normalisation.
std::optional<BadValue> bad_in_head(const ArenaLayout& layout, std::span<const float> gradient) {
  if (is_bad_float(gradient[kLossSum])) return BadValue{.place = BadPlace::loss, .value = gradient[kLossSum]};
  for (const Segment& segment : layout.statistics)
    for (const float value : gradient.subspan(kGradientHead + segment.offset, segment.count))
      if (is_bad_float(value))
        return BadValue{.place = BadPlace::statistics, .layer = segment.layer, .value = value};
  return std::nullopt;
}

std::optional<BadValue> look_at(Replica& replica, const io::Batch& shard, ScratchReducer& scratch) {
  std::optional<BadValue> bad;
  try {
    replica.train(shard, scratch);
    bad = bad_in_head(replica.layout(), scratch.finish());
  } catch (const BadValueError& error) {
    bad = error.value();
  }
  if (bad && bad->samples == 0)  // not known which: any of the shard's
    for (const std::uint64_t sample : shard.shards.front().samples) bad->add_sample(sample);
  return bad;
}

Findings look(const DiagnosisParts& parts, const BadStep& bad) {
  const io::Batch& batch = parts.loader.look_again(bad.epoch, bad.step_in_epoch);
  if (bad.spoil == Spoil::input) spoil_input(batch);
  ScratchReducer scratch(gradient_elements(parts.replica.layout()));
  const ChecksOn checks(parts.replica, parts.usual);
  const OwnSums sums(parts.replica);
  std::vector<BadValue> all;
  Findings mine;
  // One shard at a time: a bad value ends the pass through a shard, and would hide those of the next ones.
  for (const io::Shard& shard : batch.shards) {
    if (shard.size() == 0) continue;
    mine.mixed = mine.mixed || !shard.shares.empty();
    const io::Batch alone{
        .epoch = batch.epoch, .step = batch.step, .samples = batch.samples, .shards = {shard}};
    if (const auto found = look_at(parts.replica, alone, scratch)) {
      all.push_back(*found);
      continue;
    }
    const double loss = double{scratch.finish()[kLossSum]} / static_cast<double>(shard.size());
    if (mine.worst_shard >= 0 && loss <= mine.worst_loss) continue;
    mine.worst_loss = loss;
    mine.worst_shard = shard.index;
  }
  std::ranges::stable_sort(all, {}, order_of);
  mine.count = static_cast<std::int32_t>(all.size());
  std::copy_n(all.begin(), std::min(all.size(), kKeptFindings), mine.values.begin());
  return mine;
}

/// Other ranks wait for what this one found, so it always has an answer.
Findings look_or_say_why(const DiagnosisParts& parts, const BadStep& bad) {
  try {
    return look(parts, bad);
  } catch (const std::exception& error) {
    Findings none;
    const std::string reason = error.what();
    std::copy_n(reason.begin(), std::min(reason.size(), kReasonBytes - 1), none.failure.begin());
    return none;
  }
}

/// By their rows in the file, where one looks for them.
std::string sample_list(const BadValue& bad, const io::SourceInfo& info) {
  const int named = std::min(bad.samples, BadValue::kNamedSamples);
  if (named == 0) return "";
  std::vector<std::string> numbers;
  for (const std::uint64_t sample : std::span(bad.numbers).first(static_cast<std::size_t>(named))) {
    const std::uint64_t row = io::stored_row(info, info.endless ? sample : sample_of(sample));
    numbers.push_back(info.files == nullptr ? fmt::format("{}", row)
                                            : fmt::format("{} ({})", row, info.files->place(row)));
  }
  if (bad.samples == 1) return fmt::format(", sample {}", numbers[0]);
  if (bad.samples > named)
    return fmt::format(", samples {} and {} more", fmt::join(numbers, ", "), bad.samples - named);
  return fmt::format(", samples {} and {}", fmt::join(std::span(numbers).first(numbers.size() - 1), ", "),
                     numbers.back());
}

std::string layer_name(const Network& network, int layer) {
  return network.layers.at(static_cast<std::size_t>(layer)).name;
}

/// "gradient of layer 'conv' (kernel)"
std::string gradient_name(const Network& network, int layer, int parameter) {
  return fmt::format("gradient of layer '{}' ({})", layer_name(network, layer),
                     network.layers.at(static_cast<std::size_t>(layer))
                         .parameters.at(static_cast<std::size_t>(parameter))
                         .name);
}

std::string what_of(const BadValue& bad, const Network& network) {
  switch (bad.place) {
    case BadPlace::image:
      return fmt::format("a pixel is {}, before any layer saw it", bad.value);
    case BadPlace::vector:
      return fmt::format("the input '{}' holds {}, before any layer saw it",
                         network.vectors.at(static_cast<std::size_t>(bad.layer)).name, bad.value);
    case BadPlace::output:
      return fmt::format("the output of layer '{}' is the first that is not finite ({})",
                         layer_name(network, bad.layer), bad.value);
    case BadPlace::loss:
      return fmt::format("the loss is {}, though every layer's output is finite", bad.value);
    case BadPlace::statistics:
      return fmt::format("the batch statistics of layer '{}' are not finite ({}), though every output is",
                         layer_name(network, bad.layer), bad.value);
    case BadPlace::passed_back:
      return fmt::format(
          "what layer '{}' passes back is the first that is not finite ({}), after a good forward pass",
          layer_name(network, bad.layer), bad.value);
    case BadPlace::gradient:
      return fmt::format("the {} is the first that is not finite ({}), after a good forward pass",
                         gradient_name(network, bad.layer, bad.parameter), bad.value);
  }
  throw std::logic_error("every place of a bad value has words");
}

const char* advice_for(BadPlace place, bool mixed) {
  const bool input = place == BadPlace::image || place == BadPlace::vector;
  if (input && mixed)
    return "Samples are mixed in pairs (augmentation.mixup), so that one which holds it spoils two: mend or drop that one; if all are good in the file (`annulus data show`), look at augmentation and normalisation.";
  if (input)
    return "Mend or drop these samples; if they are good in the file (`annulus data show`), look at augmentation and normalisation.";
  return "Look at these samples and at that layer; lower optimizer.learning_rate, lengthen schedule.warmup_epochs or set optimizer.clip_norm.";
}

std::string headline(const BadStep& bad) {
  const std::string step = fmt::format("step {} (epoch {}): ", bad.step, bad.epoch + 1);
  switch (bad.result.verdict) {
    case Verdict::loss_not_finite:
      return step + "the loss is not finite";
    case Verdict::gradient_not_finite:
      return step + "the gradient is not finite";
    case Verdict::statistics_not_finite:
      return step + "the batch statistics of the normalisation are not finite";
    case Verdict::spike:
      return step +
             fmt::format("the loss of {:.4g} is a spike (the limit is {:.4g})", bad.loss, bad.loss_limit);
    case Verdict::good:
      break;
  }
  throw std::logic_error("a good step needs no diagnosis");
}

/// The bad values that a step meets first, with the ranks and samples that they belong to.
std::string first_of(const std::vector<Findings>& all, const DiagnosisParts& parts) {
  const BadValue* first = nullptr;
  for (const Findings& theirs : all)
    if (theirs.count > 0 && (first == nullptr || is_met_earlier(theirs.values[0], *first)))
      first = &theirs.values[0];
  if (first == nullptr) return "";
  std::vector<std::string> where;
  for (std::size_t rank = 0; rank < all.size(); ++rank)
    for (std::size_t i = 0;
         i < std::min<std::size_t>(static_cast<std::size_t>(all[rank].count), kKeptFindings); ++i)
      if (const BadValue& bad = all[rank].values[i]; order_of(bad) == order_of(*first))
        where.push_back(fmt::format("rank {}{}", rank, sample_list(bad, parts.loader.info())));
  return fmt::format("{} of {}: {}. {}", fmt::join(where, "; "), parts.loader.info().name,
                     what_of(*first, parts.replica.network()),
                     advice_for(first->place, std::ranges::any_of(all, &Findings::mixed)));
}

/// Everything was finite when computed again.
std::string without_findings(const std::vector<Findings>& all, const DiagnosisParts& parts,
                             const BadStep& bad) {
  if (bad.result.verdict == Verdict::spike) {
    const auto worst = std::ranges::max_element(all, {}, &Findings::worst_loss);
    return fmt::format(
        "no value is NaN or infinite; the largest mean loss is that of shard {} on rank {}, {:.4g}. Look at the labels of its samples; a lower optimizer.learning_rate or optimizer.clip_norm often helps.",
        worst->worst_shard, worst - all.begin(), worst->worst_loss);
  }
  std::string where;
  if (bad.result.bad_segment >= 0) {
    const Segment& segment =
        parts.replica.layout().trainable.at(static_cast<std::size_t>(bad.result.bad_segment));
    where = "first in the " + gradient_name(parts.replica.network(), segment.layer, segment.parameter) + "; ";
  }
  return where +
         "computed once more, every shard is finite on every rank. Either the sum over the shards overflows (lower optimizer.learning_rate), or a processor, a memory or the network between the ranks made a mistake: watch the hosts.";
}

std::string failures(const std::vector<Findings>& all) {
  for (std::size_t rank = 0; rank < all.size(); ++rank)
    if (all[rank].failure[0] != '\0')
      return fmt::format(" Rank {} could not look again: {}", rank, all[rank].failure.data());
  return "";
}

}  // namespace

bool is_met_earlier(const BadValue& one, const BadValue& other) { return order_of(one) < order_of(other); }

std::string diagnose(const DiagnosisParts& parts, const BadStep& bad) {
  const Findings mine = look_or_say_why(parts, bad);
  std::vector<Findings> all(static_cast<std::size_t>(parts.group.size()));
  parts.group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                         "what is wrong with a step");
  const std::string first = first_of(all, parts);
  return headline(bad) + ": " + (first.empty() ? without_findings(all, parts, bad) : first) + failures(all);
}

}  // namespace annulus::trainer
