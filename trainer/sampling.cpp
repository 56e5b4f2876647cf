// See sampling.hpp.
#include "trainer/sampling.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace annulus::trainer {
namespace {

std::string class_name(const io::SourceInfo& info, std::size_t label) {
  return label < info.classes.size() ? shown_name(info.classes[label]) : std::to_string(label);
}

void check_shares(const std::vector<float>& shares, const io::SampleSource& training) {
  std::vector<bool> seen(shares.size());
  for (const std::int32_t label : training.all_labels())
    if (static_cast<std::size_t>(label) < seen.size()) seen[static_cast<std::size_t>(label)] = true;
  for (std::size_t k = 0; k < shares.size(); ++k)
    if (shares[k] > 0 && !seen[k])
      throw UsageError(
          "{}: data.class_shares gives the class {} a share of {}, but there is no training sample of it to draw. Set its share to 0, or leave data.class_shares away: then classes with samples share equally.",
          training.info().name, class_name(training.info(), k), shares[k]);
}

/// Part of the samples may have none although others of the file have.
void check_weights(const std::string& name, const io::SampleSource& training) {
  const std::span<const float> weights = training.all_weights();
  if (weights.empty() || std::ranges::any_of(weights, [](float weight) { return weight > 0; })) return;
  throw UsageError(
      "{}: all {} training samples have the weight 0 in {} (data.weights), so nothing would be learned. Name another data set, take other samples (data.limit, data.validation_fraction), or remove data.weights.",
      training.info().name, weights.size(), name);
}

/// Of one class in one epoch.
struct ClassDraws {
  std::size_t label = 0;
  std::uint64_t samples = 0;
  std::uint64_t draws = 0;
  std::uint32_t most = 0;  ///< draws of one sample
  double per_sample() const { return static_cast<double>(draws) / static_cast<double>(samples); }
};

/// Classes that have samples.
std::vector<ClassDraws> by_class(std::span<const std::int32_t> labels,
                                 const std::vector<std::uint32_t>& counts) {
  std::vector<ClassDraws> classes;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto label = static_cast<std::size_t>(labels[i]);
    if (label >= classes.size()) classes.resize(label + 1);
    ClassDraws& of = classes[label];
    of.label = label;
    ++of.samples;
    of.draws += counts[i];
    of.most = std::max(of.most, counts[i]);
  }
  std::erase_if(classes, [](const ClassDraws& of) { return of.samples == 0; });
  return classes;
}

std::string text_of(const ClassDraws& of, const io::SourceInfo& info) {
  return fmt::format("{}: {} draws of {} samples{}", class_name(info, of.label), of.draws, of.samples,
                     of.most > 1 ? fmt::format(" (one up to {} times)", of.most) : "");
}

/// All of them, or the two that differ most.
std::string class_list(std::vector<ClassDraws> classes, const io::SourceInfo& info) {
  constexpr std::size_t kShown = 8;
  std::vector<std::string> texts;
  if (classes.size() > kShown) {
    const auto [least, most] = std::ranges::minmax_element(classes, {}, &ClassDraws::per_sample);
    return fmt::format("{} classes, from {}, to {}", classes.size(), text_of(*least, info),
                       text_of(*most, info));
  }
  for (const ClassDraws& of : classes) texts.push_back(text_of(of, info));
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace

std::shared_ptr<const io::DrawCounts> draw_counts(const Config& config, const io::SampleSource& training) {
  const DataConfig& data = config.data;
  check_weights(data.weights, training);
  if (data.sampling == io::Sampling::uniform) return nullptr;
  const io::SourceInfo& info = training.info();
  if (info.samples >= io::kMostDrawnSamples)
    throw UsageError(
        "{}: has {} samples, but data.sampling = {} counts the draws of at most {}. Use data.limit, or data.sampling=uniform.",
        info.name, info.samples, word_of(data.sampling), io::kMostDrawnSamples - 1);
  expect_contract(training.all_labels().size() == info.samples,
                  "samples of a file have their labels in memory");
  if (data.sampling == io::Sampling::balanced) {
    check_shares(data.class_shares, training);
    return io::make_balanced_draws(training.all_labels(), data.class_shares, config.seed);
  }
  const std::span<const float> weights = training.all_weights();
  expect_contract(weights.size() == info.samples, "samples that are drawn by weight have weights");
  return io::make_weighted_draws(weights, training.all_labels(), config.seed);
}

std::string describe_draws(const Config& config, const io::SampleSource& training,
                           const io::DrawCounts& draws) {
  const io::SourceInfo& info = training.info();
  const std::vector<std::uint32_t> counts = draws.counts(0);
  std::string text = fmt::format("data.sampling is {}: {} draws per epoch from as many samples",
                                 word_of(config.data.sampling), info.samples);
  const auto drawn = static_cast<std::uint64_t>(std::ranges::count_if(counts, [](auto c) { return c > 0; }));
  text += fmt::format("; in the first one {} samples are drawn, one up to {} times", drawn,
                      std::ranges::max(counts));
  if (training.all_labels().size() != counts.size()) return text;
  return text + ". By class: " + class_list(by_class(training.all_labels(), counts), info);
}

}  // namespace annulus::trainer
