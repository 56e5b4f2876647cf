// Blocks of a split are shards of a step without shuffling. The loss is kept per shard and summed in shard
// order; whole numbers are summed in any order, so a rank has one of each, however many shards it owns.
#include "trainer/loop/evaluator.hpp"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "base/vital_signs.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/loop/control_word.hpp"

namespace annulus::trainer {

/// What one shard index has seen over all steps.
struct Evaluator::Tally {
  double loss = 0;
  std::uint64_t correct = 0;
  std::uint64_t samples = 0;
  std::uint64_t index_sum = 0;
  std::uint64_t index_xor = 0;
};

/// What a rank has counted for every class.
struct Evaluator::Counts {
  Counts(std::size_t classes, const EvaluatorOptions& options)
      : labelled(classes), recognised(classes), top(options.top.size()) {
    const bool small = classes <= static_cast<std::size_t>(kMostConfused);
    if (options.confusion == ConfusionMatrix::always ||
        (options.confusion == ConfusionMatrix::small && small))
      confusion.resize(classes * classes);
  }
  std::vector<std::uint64_t> labelled;
  std::vector<std::uint64_t> recognised;
  std::vector<std::uint64_t> confusion;  ///< empty: not asked for
  std::vector<std::uint64_t> top;        ///< labels among the k largest, for each k asked for
};

namespace {

constexpr std::size_t kTallyWords = 5;  // loss, correct, samples, index sum, index xor

io::SamplerOptions sampler_options(const io::SampleSource& source, const EvaluatorOptions& options) {
  const io::SourceInfo& info = source.info();
  const bool streamed = !info.resident && info.chunk > 1;
  const std::uint64_t chunks = options.window_bytes / (info.chunk * io::sample_bytes(info));
  return {.samples = info.samples,
          .batch = options.block * options.shards,
          .shards = options.shards,
          .seed = 0,
          .shuffle = false,
          .streams = streamed ? io::shuffle_streams(options.shards, chunks) : 1};
}

/// @param predictor  or null, where the replica takes images
io::LoaderOptions loader_options(const Replica& replica, const BatchPredictor* predictor,
                                 comm::ShardRange owned, const EvaluatorOptions& options) {
  return {.first_shard = owned.begin,
          .owned_shards = owned.size(),
          .content = predictor ? predictor->content() : io::BatchContent::images,
          .layout = replica.pixel_layout(),
          .threads = options.loader_threads,
          .memory = predictor ? predictor->batch_memory() : io::BatchMemory{},
          .epochs = 1};
}

/// -log of a probability. One that has rounded to zero counts as the smallest there is.
double surprise(float probability) {
  return -std::log(std::max(static_cast<double>(probability), static_cast<double>(FLT_MIN)));
}

/// Cross entropy against (1 - smoothing) * one-hot + smoothing / classes.
double smoothed(std::span<const float> probabilities, std::int32_t label, double smoothing) {
  double all = 0;
  for (const float probability : probabilities) all += surprise(probability);
  const double wanted = surprise(probabilities[static_cast<std::size_t>(label)]);
  return (1 - smoothing) * wanted + smoothing * all / static_cast<double>(probabilities.size());
}

double mean_recall(const Evaluation& result) {
  double sum = 0;
  std::uint64_t occurring = 0;
  for (std::size_t label = 0; label < result.labelled.size(); ++label) {
    const auto share = recall(result, label);
    sum += share.value_or(0);
    occurring += share ? 1 : 0;
  }
  return occurring == 0 ? 0 : sum / static_cast<double>(occurring);
}

/// Adds up the counts of all ranks, on every rank. In pieces, so that it takes no more memory with many
/// ranks.
void sum_over_ranks(std::vector<std::uint64_t>& counts, comm::ProcessGroup& group) {
  constexpr std::size_t kWords = 1 << 20;
  const auto ranks = static_cast<std::size_t>(group.size());
  const std::size_t most = std::max<std::size_t>(1, kWords / ranks);
  std::vector<std::uint64_t> all;
  for (std::size_t begin = 0; begin < counts.size(); begin += most) {
    const std::span mine = std::span(counts).subspan(begin, std::min(most, counts.size() - begin));
    all.resize(mine.size() * ranks);
    group.all_gather(std::as_bytes(mine), std::as_writable_bytes(std::span(all)), "counts of an evaluation");
    for (std::size_t k = 0; k < mine.size(); ++k) {
      mine[k] = 0;
      for (std::size_t rank = 0; rank < ranks; ++rank) mine[k] += all[rank * mine.size() + k];
    }
    note_progress();
  }
}

/// Exclusive or of 0, 1, ..., n - 1.
std::uint64_t xor_below(std::uint64_t n) {
  if (n == 0) return 0;
  const std::uint64_t last = n - 1;
  switch (last % 4) {
    case 0:
      return last;
    case 1:
      return 1;
    case 2:
      return last + 1;
    default:
      return 0;
  }
}

}  // namespace

std::optional<double> recall(const Evaluation& result, std::size_t label) {
  const std::uint64_t total = result.labelled[label];
  if (total == 0) return std::nullopt;
  return static_cast<double>(result.recognised[label]) / static_cast<double>(total);
}

EvaluatorOptions evaluator_options(const Config& config) {
  EvaluatorOptions options{
      .block = evaluation_block(config),
      .shards = config.batch.shards,
      .loader_threads = config.data.loader_threads,
      .label_smoothing = config.loss.smooth_validation ? config.loss.label_smoothing : 0.0f,
      .confusion = ConfusionMatrix::never,
      .window_bytes = config.data.window_mb << 20};
  if (config.loss.top_k > 0) options.top = {config.loss.top_k};
  return options;
}

EvaluatorOptions options_in_file_order(const Config& config) {
  EvaluatorOptions options = evaluator_options(config);
  options.window_bytes = 0;
  return options;
}

Evaluator::Evaluator(Replica& replica, comm::ProcessGroup& group, io::SampleSource& source,
                     const io::Generator& generator, EvaluatorOptions options)
    : replica_(replica),
      group_(group),
      source_(source),
      options_(std::move(options)),
      sampler_(sampler_options(source, options)),
      owned_(comm::owned_shards(options.shards, group.rank(), group.size())),
      predictor_(replica.make_predictor({.source = source.info(),
                                         .generator = generator,
                                         .block_samples = options.block,
                                         .owned_shards = owned_.size()})),
      loader_(source, sampler_, generator, loader_options(replica, predictor_.get(), owned_, options)) {}

Evaluation Evaluator::run() { return run(Sink{}); }

Evaluation Evaluator::run(const Sink& sink) {
  const Activity validating(Phase::validation);
  expect_contract(!sink || sampler_.options().streams == 1, "only steps that follow the file are handed on");
  const auto classes = static_cast<std::size_t>(replica_.network().classes());
  std::vector<Tally> tallies(owned_.size());
  Counts counts(classes, options_);
  std::vector<float> probabilities(owned_.size() * options_.block * classes);

  loader_.seek(0, 0);
  for (std::uint64_t step = 0; step < sampler_.steps_per_epoch(); ++step) {
    note_progress();
    const io::Batch& batch = loader_.next();
    std::vector<PredictBlock> blocks;
    for (std::size_t i = 0; i < batch.shards.size(); ++i) {
      const io::Shard& shard = batch.shards[i];
      if (shard.size() == 0) break;  // only at the tail, and then the following ones are empty too
      blocks.push_back(
          {.images = shard.images,
           .vectors = shard.vectors,
           .samples = shard.size(),
           .probabilities = {&probabilities[i * options_.block * classes], shard.size() * classes}});
    }
    if (predictor_)
      predictor_->predict(batch, blocks);
    else
      replica_.predict_blocks(blocks);
    for (std::size_t i = 0; i < blocks.size(); ++i)
      score(batch.shards[i], blocks[i].probabilities, tallies[i], counts);
    if (sink) deliver(probabilities, batch, step, sink);
  }
  const Evaluation result = combine(tallies, std::move(counts));
  const std::optional<Error> changed = failure_of(&source_);
  agree(group_, {}, changed ? &*changed : nullptr);
  return result;
}

void Evaluator::score(const io::Shard& shard, std::span<const float> probabilities, Tally& tally,
                      Counts& counts) const {
  const std::size_t classes = probabilities.size() / shard.size();
  for (std::int64_t i = 0; i < shard.size(); ++i) {
    const auto row = probabilities.subspan(i * classes, classes);
    const std::int32_t label = shard.labels[i];
    const std::int64_t place = place_of(row, static_cast<std::size_t>(label));
    tally.loss +=
        options_.label_smoothing == 0 ? surprise(row[label]) : smoothed(row, label, options_.label_smoothing);
    tally.correct += place == 0;
    counts.labelled[label] += 1;
    counts.recognised[label] += place == 0;
    for (std::size_t k = 0; k < counts.top.size(); ++k) counts.top[k] += place < options_.top[k];
    if (!counts.confusion.empty()) {
      const auto predicted = std::max_element(row.begin(), row.end()) - row.begin();
      counts.confusion[label * classes + predicted] += 1;
    }
    tally.samples += 1;
    tally.index_sum += shard.samples[i];
    tally.index_xor ^= shard.samples[i];
  }
}

void Evaluator::deliver(const std::vector<float>& mine, const io::Batch& batch, std::uint64_t step,
                        const Sink& sink) {
  const std::size_t row = mine.size() / owned_.size();
  const std::size_t classes = row / options_.block;
  std::vector<float> all(mine.size() * group_.size());
  group_.all_gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all)), "predictions");

  std::vector<std::int32_t> my_labels(owned_.size() * options_.block);
  for (std::size_t i = 0; i < batch.shards.size(); ++i)
    std::copy(batch.shards[i].labels.begin(), batch.shards[i].labels.end(), &my_labels[i * options_.block]);
  std::vector<std::int32_t> labels(my_labels.size() * group_.size());
  group_.all_gather(std::as_bytes(std::span(my_labels)), std::as_writable_bytes(std::span(labels)), "labels");

  if (group_.rank() != 0) return;
  for (std::int64_t shard = 0; shard < options_.shards; ++shard) {
    const std::size_t n = sampler_.shard_samples(0, step, shard).size();
    if (n == 0) return;
    sink({&all[shard * row], n * classes}, {&labels[shard * options_.block], n});
  }
}

Evaluation Evaluator::combine(const std::vector<Tally>& tallies, Counts counts) {
  std::vector<std::uint64_t> mine;
  for (const Tally& tally : tallies)
    mine.insert(mine.end(), {std::bit_cast<std::uint64_t>(tally.loss), tally.correct, tally.samples,
                             tally.index_sum, tally.index_xor});
  std::vector<std::uint64_t> all(mine.size() * group_.size());
  group_.all_gather(std::as_bytes(std::span(mine)), std::as_writable_bytes(std::span(all)), "evaluation");
  for (auto* sums : {&counts.labelled, &counts.recognised, &counts.confusion, &counts.top})
    sum_over_ranks(*sums, group_);

  Evaluation result{.labelled = std::move(counts.labelled),
                    .recognised = std::move(counts.recognised),
                    .confusion = std::move(counts.confusion)};
  double loss = 0;
  std::uint64_t correct = 0;
  for (std::size_t at = 0; at < all.size(); at += kTallyWords) {
    loss += std::bit_cast<double>(all[at]);
    correct += all[at + 1];
    result.samples += all[at + 2];
    result.index_sum += all[at + 3];
    result.index_xor ^= all[at + 4];
  }
  const std::uint64_t n = source_.info().samples;
  expect_contract(n > 0, "a split has samples");
  result.loss = loss / static_cast<double>(result.samples);
  result.accuracy = static_cast<double>(correct) / static_cast<double>(result.samples);
  result.macro_recall = mean_recall(result);
  for (std::size_t k = 0; k < options_.top.size(); ++k)
    result.top.push_back(
        {options_.top[k], static_cast<double>(counts.top[k]) / static_cast<double>(result.samples)});
  const std::uint64_t expected_sum = n % 2 == 0 ? n / 2 * (n - 1) : (n - 1) / 2 * n;
  result.each_once =
      result.samples == n && result.index_sum == expected_sum && result.index_xor == xor_below(n);
  return result;
}

}  // namespace annulus::trainer
