// The CPU backend: one rank's replica on oneDNN. Worker threads run whole shards, each with the library in
// single-threaded mode, so no bit depends on how many there are.
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "trainer/backend/contract/processor.hpp"
#include "trainer/backend/contract/replica.hpp"
#include "trainer/backend/cpu/program.hpp"
#include "trainer/backend/planning/step_sums.hpp"

namespace annulus::trainer {
namespace {

using cpu::Program;

constexpr std::size_t kKeptPrograms = 4;  // per worker, beside the main one: tails of epochs, prediction

/// The programs of one worker thread: the main one and the last few others, all in one block of memory.
class Worker {
 public:
  explicit Worker(const cpu::ProgramEnvironment& environment)
      : environment_(environment), stream_(environment.engine) {}

  const dnnl::stream& stream() const { return stream_; }

  /// The program for a shape, compiled when it is first needed. The first one is the main one.
  Program& program(ProgramShape shape) {
    const auto same = [&](const Kept& kept) {
      return kept.shape.samples == shape.samples && kept.shape.mode == shape.mode;
    };
    if (main_.program && same(main_)) return *main_.program;
    const auto known = std::find_if(others_.begin(), others_.end(), same);
    if (known != others_.end()) {
      others_.splice(others_.begin(), others_, known);
      return *others_.front().program;
    }
    if (!main_.program) {
      main_ = {shape, std::make_unique<Program>(environment_, shape, cpu::SharedBlock{})};
      return *main_.program;
    }
    if (others_.size() == kKeptPrograms) others_.pop_back();
    others_.push_front({shape, std::make_unique<Program>(environment_, shape, main_.program->own_block())});
    return *others_.front().program;
  }

 private:
  struct Kept {
    ProgramShape shape;
    std::unique_ptr<Program> program;
  };

  const cpu::ProgramEnvironment& environment_;
  dnnl::stream stream_;
  Kept main_;
  std::list<Kept> others_;  // the one used last in front
};

/// Tells the reducer about buckets as the gradient buffer of a shard fills up.
class BucketReporter {
 public:
  BucketReporter(comm::GradientReducer& reducer, std::int64_t shard) : reducer_(reducer), shard_(shard) {}
  /// The first `ready` elements are final.
  void report(std::size_t ready) {
    const std::vector<comm::Bucket>& buckets = reducer_.buckets();
    while (next_ < buckets.size() && buckets[next_].end <= ready) reducer_.bucket_ready(shard_, next_++);
  }

 private:
  comm::GradientReducer& reducer_;
  std::int64_t shard_;
  std::size_t next_ = 0;
};

/// What oneDNN, and with it our own kernels, keep to.
InstructionSet instruction_set() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_amx:
      return InstructionSet::avx512_amx;
    case dnnl::cpu_isa::avx512_core_bf16:
      return InstructionSet::avx512_bf16;
    case dnnl::cpu_isa::avx512_core_vnni:
      return InstructionSet::avx512_vnni;
    case dnnl::cpu_isa::avx512_core:
      return InstructionSet::avx512;
    case dnnl::cpu_isa::avx2_vnni:
    case dnnl::cpu_isa::avx2:
      return InstructionSet::avx2;
    case dnnl::cpu_isa::avx:
      return InstructionSet::avx;
    case dnnl::cpu_isa::sse41:
      return InstructionSet::sse41;
    default:
      return InstructionSet::automatic;
  }
}

/// Of the instructions that the work is done with: its numbers are all float32, for which AMX, bf16 and VNNI,
/// which a processor may have as well, have none.
const char* title_of(InstructionSet isa) {
  switch (isa) {
    case InstructionSet::avx512_amx:
    case InstructionSet::avx512_bf16:
    case InstructionSet::avx512_vnni:
    case InstructionSet::avx512:
      return "AVX-512";
    case InstructionSet::avx2:
      return "AVX2";
    default:
      return "an instruction set below AVX2";
  }
}

std::string library_version() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch);
}

class CpuReplica final : public Replica {
 public:
  CpuReplica(const Network& network, const CompileOptions& options)
      : network_(network),
        options_(options),
        engine_(cpu::checked("find a CPU engine", [] { return dnnl::engine(dnnl::engine::kind::cpu, 0); })),
        store_(network_, engine_),
        workers_(options.threads) {
    if (options_.predict_samples == 0) options_.predict_samples = options_.shard_samples;
    for (int i = 0; i < workers_.size(); ++i) worker_.push_back(std::make_unique<Worker>(environment_));
    single_threaded();
    kernels_ = main_program(0).kernels();  // defines the layouts that the others take over
    run_workers([this](int worker) { main_program(worker); });
  }

  const Network& network() const override { return network_; }
  const ArenaLayout& layout() const override { return store_.layout(); }
  io::PixelLayout pixel_layout() const override { return io::PixelLayout::channels_first; }
  WorkerPool& workers() override { return workers_; }
  std::span<float> parameters() override { return store_.parameters(); }
  std::span<float> statistics() override { return store_.statistics(); }

  void train(const io::Batch& batch, comm::GradientReducer& reducer) override;
  std::size_t step_sum_elements() const override { return sums_.elements; }
  comm::GradientReducer* set_step_sums(comm::GradientReducer* sums) override {
    return std::exchange(step_sums_, sums);
  }
  void predict(const PredictBlock& block) override {
    single_threaded();
    predict_on(0, block);
  }
  void predict_blocks(std::span<const PredictBlock> blocks) override {
    share_out(blocks.size(), [&](int worker, std::size_t i) { predict_on(worker, blocks[i]); });
  }

  std::vector<float> read(const Segment& segment, std::span<const float> arena) const override {
    return store_.read(segment, arena);
  }
  void write(const Segment& segment, std::span<const float> values, std::span<float> arena) const override {
    store_.write(segment, values, arena);
  }
  void set_checks(ValueChecks checks) override { options_.check_values = checks == ValueChecks::on; }
  const char* kind() const override { return "cpu"; }
  std::string describe() const override {
    return fmt::format("{}: {}, {}, {} worker thread{}", kind(), library_version(),
                       title_of(instruction_set()), workers_.size(), workers_.size() == 1 ? "" : "s");
  }
  Machine machine() const override {
    return {.processor = processor_name(),
            .instructions = word_of(instruction_set()),
            .libraries = library_version(),
            .kernels = kernels_};
  }

 private:
  /// oneDNN asks for the thread count when a primitive is made and when it runs.
  static void single_threaded() { omp_set_num_threads(1); }
  void run_workers(const std::function<void(int)>& job) {
    workers_.run([&](int worker) {
      single_threaded();
      job(worker);
    });
  }
  /// Hands out items [0, count) to the workers; after a failure nobody takes another one.
  void share_out(std::size_t count, const std::function<void(int worker, std::size_t item)>& body);
  Program& main_program(int worker) {
    return worker_[static_cast<std::size_t>(worker)]->program({options_.shard_samples, Mode::training});
  }
  void train_shard(int worker, const io::Batch& batch, const io::Shard& shard,
                   comm::GradientReducer& reducer);
  void train_together(const io::Batch& batch, comm::GradientReducer& reducer);
  std::span<float> begin_gradients(const io::Shard& shard, comm::GradientReducer& reducer) const;
  void predict_on(int worker, const PredictBlock& block);

  Network network_;
  CompileOptions options_;
  dnnl::engine engine_;
  cpu::ParameterStore store_;
  cpu::ProgramEnvironment environment_{network_, options_, engine_, store_};
  StepSums sums_ = plan_step_sums(network_);
  comm::GradientReducer* step_sums_ = nullptr;
  std::vector<std::unique_ptr<Worker>> worker_;  ///< by thread; by shard while shards run together
  std::string kernels_;
  WorkerPool workers_;
};

void CpuReplica::share_out(std::size_t count, const std::function<void(int, std::size_t)>& body) {
  std::atomic<std::size_t> next{0};
  run_workers([&](int worker) {
    try {
      for (std::size_t i = 0; (i = next.fetch_add(1)) < count;) body(worker, i);
    } catch (...) {
      next = count;
      throw;
    }
  });
}

void CpuReplica::train(const io::Batch& batch, comm::GradientReducer& reducer) {
  if (sums_.rounds > 0) return train_together(batch, reducer);
  share_out(batch.shards.size(),
            [&](int worker, std::size_t i) { train_shard(worker, batch, batch.shards[i], reducer); });
}

/// The shard's buffer; that of an empty shard is zero.
std::span<float> CpuReplica::begin_gradients(const io::Shard& shard, comm::GradientReducer& reducer) const {
  const std::span<float> gradients = reducer.begin_shard(shard.index);
  expect_contract(gradients.size() == gradient_elements(layout()), "a leaf holds one gradient buffer");
  expect_contract(reinterpret_cast<std::uintptr_t>(gradients.data()) % 64 == 0,
                  "a leaf is 64-byte aligned: kernels store gradients past the caches");
  expect_contract(shard.size() <= options_.shard_samples, "a shard has at most shard_samples samples");
  if (shard.size() == 0) std::fill(gradients.begin(), gradients.end(), 0.0f);
  return gradients;
}

void CpuReplica::train_shard(int worker, const io::Batch& batch, const io::Shard& shard,
                             comm::GradientReducer& reducer) {
  const std::span<float> gradients = begin_gradients(shard, reducer);
  BucketReporter reporter(reducer, shard.index);
  Worker& own = *worker_[static_cast<std::size_t>(worker)];
  if (shard.size() > 0)
    own.program({shard.size(), Mode::training})
        .train(own.stream(), batch.epoch, shard, gradients, [&](std::size_t ready) {
          reporter.report(ready);
          if (worker == 0) reducer.progress();
        });
  reporter.report(gradients.size());
}

/// Where layers take sums over the step, all shards of the rank are under way at once, each in memory of its
/// own. They run from one sum to the next, shared out to the threads as ever; between two parts the main
/// thread adds up along the tree. Every rank takes part in every sum, also without samples, so that none
/// waits for a rank that has nothing to add.
void CpuReplica::train_together(const io::Batch& batch, comm::GradientReducer& reducer) {
  expect_contract(step_sums_ != nullptr, "a network with statistics of the step is given its sums");
  const std::size_t shards = batch.shards.size();
  while (worker_.size() < shards) worker_.push_back(std::make_unique<Worker>(environment_));
  std::vector<std::optional<BucketReporter>> reporters(shards);
  std::vector<float> total;
  for (int sum = 0; sum <= sums_.rounds; ++sum) {
    const bool last = sum == sums_.rounds;
    share_out(shards, [&](int worker, std::size_t i) {
      const io::Shard& shard = batch.shards[i];
      if (sum == 0) reporters[i].emplace(reducer, shard.index);
      const std::span<float> gradients = sum == 0 ? begin_gradients(shard, reducer) : std::span<float>{};
      const std::span<float> part = last ? std::span<float>{} : step_sums_->begin_shard(shard.index);
      std::ranges::fill(part, 0.0f);
      if (shard.size() > 0) {
        Program& program = worker_[i]->program({shard.size(), Mode::training});
        if (sum == 0) program.begin(worker_[i]->stream(), batch.epoch, shard, gradients);
        const bool waits = program.advance(total, part, [&](std::size_t ready) {
          reporters[i]->report(ready);
          if (worker == 0) reducer.progress();
        });
        expect_contract(waits != last, "a program takes as many sums as its network says");
      }
      if (!last)
        step_sums_->bucket_ready(shard.index, 0);
      else
        reporters[i]->report(gradient_elements(layout()));
    });
    if (last) break;
    const std::span<const float> added = step_sums_->finish();
    total.assign(added.begin(), added.end());  // its place is taken by the next sum
  }
}

void CpuReplica::predict_on(int worker, const PredictBlock& block) {
  expect_contract(block.samples <= options_.predict_samples, "a block has at most predict_samples images");
  if (block.samples == 0) return;
  Worker& own = *worker_[static_cast<std::size_t>(worker)];
  own.program({block.samples, Mode::inference}).predict(own.stream(), block);
}

}  // namespace

std::unique_ptr<Replica> make_cpu_replica(const Network& network, const CompileOptions& options) {
  check_class_weights(options.loss, network.classes());
  return std::make_unique<CpuReplica>(network, options);
}

}  // namespace annulus::trainer
