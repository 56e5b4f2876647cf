// See few_values.hpp. One value is its own mean: the normalised value is 0 whatever comes in, and no gradient
// passes.
#include "trainer/model/few_values.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

struct PoorNorm {
  const Layer* layer = nullptr;
  std::int64_t values = 0;
};

/// Batch norms with fewer than `most` values, the poorest first.
std::vector<PoorNorm> poorer_than(const Config& config, std::int64_t step_samples, std::int64_t most) {
  std::vector<PoorNorm> found;
  for (const Layer& layer : config.network.layers) {
    if (!std::holds_alternative<BatchNorm>(layer.operation)) continue;
    const std::int64_t values = values_of_statistics(config.batch, layer, step_samples);
    if (values < most) found.push_back({&layer, values});
  }
  std::ranges::stable_sort(found, {}, &PoorNorm::values);
  return found;
}

bool of_step(const Layer& layer) {
  return std::get<BatchNorm>(layer.operation).statistics == StatisticsOf::step;
}

std::int64_t pixels_of(const Layer& layer) { return layer.input.height * layer.input.width; }

/// "layer 'bn' (batch_norm)", or with "and 3 more" behind it.
std::string names_of(const std::vector<PoorNorm>& all) {
  const std::string rest = all.size() > 1 ? fmt::format(" and {} more", all.size() - 1) : "";
  return fmt::format("layer '{}' (batch_norm){}", all.front().layer->name, rest);
}

/// "1 value per channel (a shard of 1 sample, maps of 1 x 1)"
std::string values_text(const PoorNorm& poorest) {
  const Layer& layer = *poorest.layer;
  const std::int64_t samples = poorest.values / pixels_of(layer);
  const std::string maps =
      layer.input.flat ? "" : fmt::format(", maps of {} x {}", layer.input.height, layer.input.width);
  return fmt::format("{} value{} per channel (a {} of {} sample{}{})", poorest.values,
                     poorest.values == 1 ? "" : "s", of_step(layer) ? "step" : "shard", samples,
                     samples == 1 ? "" : "s", maps);
}

/// The largest number of shards that gives every one of them enough values; 0 when there is none.
std::int64_t shards_for(const Config& config, const Layer& layer) {
  const BatchConfig& batch = config.batch;
  for (std::int64_t shards = batch.shards; shards > 0; --shards)
    if (batch.size % shards == 0 && batch.size / shards * pixels_of(layer) >= kFewValues) return shards;
  return 0;
}

/// What would give a layer enough values.
std::string remedies(const Config& config, const Layer& layer) {
  const BatchConfig& batch = config.batch;
  const std::int64_t least = (kFewValues + pixels_of(layer) - 1) / pixels_of(layer);
  std::string text;
  if (!of_step(layer)) {
    if (const std::int64_t shards = shards_for(config, layer); shards > 0)
      text += fmt::format("batch.shards={} ({} values), ", shards, batch.size / shards * pixels_of(layer));
    if (batch.size >= least)
      text += fmt::format("`statistics: step` on the layer ({} values), ", batch.size * pixels_of(layer));
  }
  const std::int64_t wanted = of_step(layer) ? least : least * batch.shards;
  return text + fmt::format("batch.size={} or more, or group_norm, which looks at one sample at a time",
                            (wanted + batch.shards - 1) / batch.shards * batch.shards);
}

}  // namespace

std::int64_t values_of_statistics(const BatchConfig& batch, const Layer& layer, std::int64_t step_samples) {
  if (of_step(layer)) return step_samples * pixels_of(layer);
  const std::int64_t shard = batch.size / batch.shards;
  const std::int64_t rest = step_samples % shard;
  return (rest == 0 ? shard : rest) * pixels_of(layer);
}

void require_statistics(const Config& config) {
  const std::vector<PoorNorm> useless = poorer_than(config, config.batch.size, 2);
  if (useless.empty()) return;
  throw UsageError(
      "network.layers: {} takes its mean and variance over {}: a value alone is its own mean, so that the layer would put out beta whatever comes in, and nothing before it would learn. Use {}.",
      names_of(useless), values_text(useless.front()), remedies(config, *useless.front().layer));
}

std::vector<std::string> few_values(const Config& config, std::uint64_t samples) {
  std::vector<std::string> notes;
  const std::vector<PoorNorm> poor = poorer_than(config, config.batch.size, kFewValues);
  if (!poor.empty())
    notes.push_back(fmt::format(
        "{} takes its mean and variance over {}: fewer than {} are noise, and the moving averages of evaluation fit badly. Consider {}.",
        names_of(poor), values_text(poor.front()), kFewValues, remedies(config, *poor.front().layer)));
  const auto last = static_cast<std::int64_t>(samples % static_cast<std::uint64_t>(config.batch.size));
  if (last == 0 || !poor.empty()) return notes;
  const std::vector<PoorNorm> at_tail = poorer_than(config, last, kFewValues);
  if (!at_tail.empty()) {
    notes.push_back(fmt::format(
        "the last step of an epoch has {} sample{}, and there {} takes its mean and variance over {}: noise, which the moving averages take at full weight right before validation. A batch.size that divides the {} training samples avoids it{}.",
        last, last == 1 ? "" : "s", names_of(at_tail), values_text(at_tail.front()), samples,
        // A limit counts the samples before a part of them is held out for validation.
        config.data.generator.empty() && config.data.validation_fraction == 0
            ? fmt::format(", and so does data.limit={}", samples - static_cast<std::uint64_t>(last))
            : ""));
  }
  return notes;
}

}  // namespace annulus::trainer
