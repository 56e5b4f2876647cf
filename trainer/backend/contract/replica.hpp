// What every backend offers: one rank's copy of the model, compiled for its device. Parameters and gradients
// live in flat arenas whose layout the backend chooses once; everybody else sees Keras' order through read()
// and write().
//
// In: a network, a batch of shards, the reducer that takes gradients away; parameters in Keras' order.
// Out: gradients, loss and statistics of each shard in one flat buffer, bucket by bucket, as backward
// has them; probabilities of a prediction.
// Invariant: a shard's numbers depend on its samples and the parameters alone: not on the rank, the
// thread or the other shards. What the sum over shards does to the parameters is not a replica's
// business.
// Next: step_engine.hpp (a step as the loop sees it), trainer/backend/planning (what backends share),
// then trainer/backend/cpu/cpu_replica.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/worker_pool.hpp"
#include "comm/host/gradient_reducer.hpp"
#include "io/dataset/batch.hpp"
#include "trainer/model/loss_options.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer {

struct CompileOptions {
  std::int64_t shard_samples = 1;    ///< batch / shards: the shape that the main program is compiled for
  std::int64_t predict_samples = 0;  ///< samples per call of predict(); 0 = shard_samples
  LossOptions loss = {};
  std::uint64_t seed = 0;     ///< key of dropout
  int threads = 1;            ///< worker threads, each running whole shards
  bool check_values = false;  ///< debug: look for NaN and Inf after every layer and name it
};

/// Where a tensor lies in an arena.
struct Segment {
  int layer = 0;           ///< index into Network::layers
  int parameter = 0;       ///< index into Layer::parameters
  std::size_t offset = 0;  ///< first element; 16-float aligned
  std::size_t count = 0;  ///< elements in the arena, padding of blocked layouts included (padding stays zero)
};

/// The flat layout of trainable parameters (and so of gradients, momentum, ...), in the order in which
/// backward finishes their gradients, i.e. last layer first. Moving averages have an arena of their own in
/// Keras' order.
struct ArenaLayout {
  std::vector<Segment> trainable;
  std::size_t trainable_count = 0;  ///< elements of the parameter arena
  std::vector<Segment> statistics;  ///< moving_mean and moving_variance
  std::size_t statistics_count = 0;
};

/// Head of the gradient buffer, before the gradients: sums over the samples of a shard that travel through
/// the same tree. [loss, correct, samples, label among the k largest (0 without LossOptions::top_k), 0 ...],
/// kGradientHead floats, then `statistics_count` floats (samples * batch mean, samples * batch variance, laid
/// out as the statistics arena), padded to 16; then the gradients as in the parameter arena. Gradients are of
/// the *sum* of the losses; whoever updates divides by the samples of the step.
constexpr std::size_t kGradientHead = 16;
enum GradientHead : std::size_t { kLossSum = 0, kCorrectCount = 1, kSampleCount = 2, kTopCount = 3 };

/// Element at which the gradients of the parameter arena start in a gradient buffer.
constexpr std::size_t gradient_offset(const ArenaLayout& layout) {
  return kGradientHead + (layout.statistics_count + 15) / 16 * 16;
}
constexpr std::size_t gradient_elements(const ArenaLayout& layout) {
  return gradient_offset(layout) + layout.trainable_count;
}
/// Element counts of the tensors of a gradient buffer in the order they become ready: head and statistics as
/// the first, then each trainable segment (16-aligned extents); what comm::make_buckets wants.
std::vector<std::size_t> gradient_sizes(const ArenaLayout& layout);

enum class ValueChecks { off, on };

/// The samples of one forward pass and where its result goes; see Replica::predict.
struct PredictBlock {
  std::span<const float> images;        ///< (samples, ...) in Replica::pixel_layout()
  std::span<const float> vectors = {};  ///< (samples, total_length(Network::vectors))
  std::int64_t samples = 0;             ///< at most CompileOptions::predict_samples
  std::span<float> probabilities;       ///< (samples, classes): written
};

/// What the last bits of a replica's numbers depend on, beside network and parameters.
struct Machine {
  std::string processor = {};     ///< "Intel(R) Xeon(R) ...", "NVIDIA H200 (compute capability 9.0, ...)"
  std::string instructions = {};  ///< a word of InstructionSet that kernels keep to; "" = there is no such
  std::string libraries = {};     ///< "oneDNN 2.6.3", "cuDNN 9.19.0, cuBLASLt 13.1.0"
  std::string kernels = {};       ///< chosen for a training shard, a line each; "" = not known
};

class BatchPredictor;
struct PredictorOptions;

/// One rank's model on its device.
class Replica {
 public:
  virtual ~Replica() = default;
  virtual const Network& network() const = 0;
  virtual const ArenaLayout& layout() const = 0;
  /// Layout in which train() and predict() want images.
  virtual io::PixelLayout pixel_layout() const = 0;
  /// Threads that may be used between calls of train(), e.g. by the optimizer.
  virtual WorkerPool& workers() = 0;

  /// The arenas, host memory, 64-byte aligned. Where the device keeps its own, these are mirrors of them:
  /// upload() gives it what was written here, download() fetches what it has. Nothing to do on the host.
  virtual std::span<float> parameters() = 0;
  virtual std::span<float> statistics() = 0;
  virtual void upload() {}
  virtual void download() {}

  /// Forward and backward over the owned shards of a step: fills each shard's buffer of the reducer (empty
  /// shards with zeros), reports its buckets in order, calls reducer.progress() from the calling thread
  /// between layers. The caller calls reducer.finish(). Parameters are not changed.
  virtual void train(const io::Batch& batch, comm::GradientReducer& reducer) = 0;

  /// Floats that a sum over all shards in the midst of a pass takes, for layers whose statistics are those of
  /// the step; 0: no layer needs one.
  virtual std::size_t step_sum_elements() const { return 0; }
  /// Where train() takes such sums: a reducer of step_sum_elements() floats in one bucket, over the shards of
  /// the step, apart from the one of the gradients; it outlives its use. Every rank takes the same sums in
  /// the same order. @return the former one
  virtual comm::GradientReducer* set_step_sums(comm::GradientReducer*) { return nullptr; }

  /// Inference (no dropout, moving averages): class probabilities of the block's samples.
  virtual void predict(const PredictBlock& block) = 0;

  /// Several blocks at once; worker threads share them out. The default runs predict() block by block.
  virtual void predict_blocks(std::span<const PredictBlock> blocks);

  /// For batches of an evaluation whose images the device makes itself, from pixels as they are stored
  /// (batch_predictor.hpp); null where it wants them made. Belongs to the replica.
  virtual std::unique_ptr<BatchPredictor> make_predictor(const PredictorOptions& options);

  /// A tensor in an arena of `layout()` (parameters, momentum, ...) from and to Keras' order and extents.
  virtual std::vector<float> read(const Segment& segment, std::span<const float> arena) const = 0;
  virtual void write(const Segment& segment, std::span<const float> values, std::span<float> arena) const = 0;

  /// Looks for NaN and Inf after every layer, or no longer, as CompileOptions::check_values says at first:
  /// train() then throws BadValueError.
  virtual void set_checks(ValueChecks checks) = 0;

  /// What computes, in the word that checkpoints keep: a run goes on where the same word does, so it stays
  /// what it is.
  virtual const char* kind() const = 0;
  /// A line about the device for the log: name, instruction set or GPU, threads.
  virtual std::string describe() const = 0;
  virtual Machine machine() const { return {}; }
};

std::unique_ptr<Replica> make_reference_replica(const Network& network, const CompileOptions& options);
std::unique_ptr<Replica> make_cpu_replica(const Network& network, const CompileOptions& options);

}  // namespace annulus::trainer
