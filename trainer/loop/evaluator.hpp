// Measures a model on a split, each sample exactly once whatever the number of ranks, and proves it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/ranks/process_group.hpp"
#include "io/augmentation/augmentation.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/loading/batch_loader.hpp"
#include "trainer/backend/contract/batch_predictor.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/top_k.hpp"

namespace annulus::trainer {

/// Figures of one evaluation, the same on every rank and for every world size.
struct Evaluation {
  double loss = 0;  ///< mean cross entropy, without class weights
  double accuracy =
      0;  ///< share of samples whose most probable class is the label (top_k.hpp says which of equals)
  double macro_recall =
      0;  ///< mean over the classes that occur of the share of their samples that was recognised
  std::vector<TopAccuracy> top;           ///< for every number in EvaluatorOptions::top
  std::uint64_t samples = 0;              ///< counted, not assumed
  std::uint64_t index_sum = 0;            ///< sum of the sample numbers seen, modulo 2^64
  std::uint64_t index_xor = 0;            ///< exclusive or of the sample numbers seen
  std::vector<std::uint64_t> labelled;    ///< samples of each class
  std::vector<std::uint64_t> recognised;  ///< those of them whose most probable class is the label
  std::vector<std::uint64_t> confusion;  ///< (classes, classes), rows = label, columns = prediction; or empty
  /// Whether count, sum and exclusive or are those of "each of [0, samples) once".
  bool each_once = false;
};

/// Share of a class's samples that were recognised; nothing when there is none of it.
std::optional<double> recall(const Evaluation& result, std::size_t label);

/// Whether predictions are counted for every pair of classes: a matrix of whole numbers on every rank.
enum class ConfusionMatrix {
  never,
  small,  ///< up to kMostConfused classes: 8 MB
  always
};
constexpr std::int64_t kMostConfused = 1000;

/// Parts of a split that ranks share out among themselves; fixed, so that the forward passes have the same
/// shapes on any world size.
struct EvaluatorOptions {
  std::int64_t block = 32;  ///< samples of one forward pass: predict_samples of the replica
  std::int64_t shards = 1;  ///< V; a multiple of the group's size
  int loader_threads = 1;
  double label_smoothing = 0;  ///< of the loss that is reported; 0 = plain cross entropy
  ConfusionMatrix confusion = ConfusionMatrix::small;
  /// Memory for the chunks of a streamed split, of which every shard then has a run of its own: a rank reads
  /// only what is its own. 0: steps follow the file, as run(Sink) needs it.
  std::uint64_t window_bytes = 0;
  std::vector<int> top = {};  ///< top-k accuracies to measure, each k in [1, classes)
};

/// As the config says, with metrics.top_k; without a confusion matrix.
EvaluatorOptions evaluator_options(const Config& config);
/// The same for run(Sink).
EvaluatorOptions options_in_file_order(const Config& config);

class Evaluator {
 public:
  /// Replica, group and source outlive the evaluator.
  Evaluator(Replica& replica, comm::ProcessGroup& group, io::SampleSource& source,
            const io::Generator& generator, EvaluatorOptions options);

  /// Runs the whole split. Collective.
  Evaluation run();

  /// Runs the whole split and hands every block's probabilities to `sink` on rank 0, in sample order.
  /// Collective.
  /// @param sink  receives (n, classes) probabilities, labels (n)
  using Sink =
      std::function<void(std::span<const float> probabilities, std::span<const std::int32_t> labels)>;
  Evaluation run(const Sink& sink);

 private:
  struct Tally;
  struct Counts;
  void score(const io::Shard& shard, std::span<const float> probabilities, Tally& tally,
             Counts& counts) const;
  void deliver(const std::vector<float>& mine, const io::Batch& batch, std::uint64_t step, const Sink& sink);
  Evaluation combine(const std::vector<Tally>& tallies, Counts counts);

  Replica& replica_;
  comm::ProcessGroup& group_;
  io::SampleSource& source_;
  EvaluatorOptions options_;
  io::ShardedSampler sampler_;
  comm::ShardRange owned_;
  std::unique_ptr<BatchPredictor> predictor_;  // null: the replica takes images
  io::BatchLoader loader_;
};

}  // namespace annulus::trainer
