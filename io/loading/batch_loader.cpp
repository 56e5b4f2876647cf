// One thread reads a step, makes its images together with the helper threads, and goes on to the next step
// while there is a free buffer. What a batch holds follows from (epoch, step) alone, so threads and depth
// never show.
#include "io/loading/batch_loader.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/vital_signs.hpp"
#include "io/loading/batch_loader_maker.hpp"

namespace annulus::io {
namespace {

void check(const SampleSource& source, const ShardedSampler& sampler, const LoaderOptions& options) {
  const SamplerOptions& order = sampler.options();
  if (order.samples == 0)
    throw UsageError("{} holds no samples, so there is no batch to load. Choose another dataset or split.",
                     source.info().name);
  expect_contract(order.samples <= source.info().samples, "the sampler numbers samples of the source");
  expect_contract(options.first_shard >= 0 && options.owned_shards >= 0 &&
                      options.first_shard + options.owned_shards <= order.shards,
                  "owned shards are shards of the step");
  expect_contract(options.threads >= 1 && options.depth >= 1, "a loader has a thread and prepares a batch");
}

/// In a step the wait has a phase of its own; a validation or a look at the data stays what it is.
Phase waiting_phase() {
  const Phase phase = vital_signs().phase;
  return phase == Phase::step ? Phase::waiting_for_data : phase;
}

}  // namespace

/// Buffers go round: free -> being filled -> ready -> held by the caller -> free. Everything below the mutex
/// is guarded by it, apart from the contents of a buffer, which belong to whoever took it off its list.
struct BatchLoader::Impl {
  Impl(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
       const LoaderOptions& options)
      : maker(source, sampler, generator, options),
        info(source.info()),
        make_again([&source, sampler, generator, options] {
          LoaderOptions images = options;
          images.content = BatchContent::images;
          images.memory = {};
          return std::make_unique<BatchMaker>(source, sampler, generator, images);
        }),
        steps(sampler.steps_per_epoch()),
        epochs(options.epochs),
        buffers(static_cast<std::size_t>(options.depth) + 1) {
    for (BatchBuffer& buffer : buffers) {
      maker.allocate(buffer);
      free.push_back(&buffer);
    }
    thread = std::thread([this] { produce(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work.notify_all();
    thread.join();
  }

  bool may_produce() const { return running && !free.empty(); }

  void advance() {
    if (++position.step < steps) return;
    position = {position.epoch + 1, 0};
    if (epochs != 0 && position.epoch == last_epoch) running = false;
  }

  void produce() {
    std::unique_lock lock(mutex);
    while (true) {
      work.wait(lock, [this] { return stopping || may_produce(); });
      if (stopping) return;
      BatchBuffer* buffer = free.front();
      free.pop_front();
      reading = true;
      const Position mine = position;
      const std::uint64_t my_journey = journey;
      advance();
      lock.unlock();
      std::exception_ptr problem;
      try {
        maker.make(mine, *buffer);
      } catch (...) {
        problem = std::current_exception();  // next() rethrows it where the caller can act on it
      }
      lock.lock();
      reading = false;
      deliver(buffer, my_journey, problem);
    }
  }

  void deliver(BatchBuffer* buffer, std::uint64_t my_journey, const std::exception_ptr& problem) {
    if (my_journey != journey || problem) free.push_back(buffer);
    if (my_journey != journey) return arrived.notify_one();  // seek() or look_again() came in between
    if (problem) {
      error = problem;
      running = false;
    } else {
      ready.push_back(buffer);
    }
    arrived.notify_one();
  }

  void release_held() {
    if (held != nullptr) free.push_back(std::exchange(held, nullptr));
  }

  /// Drops what was prepared. @pre the mutex is locked
  void drop() {
    ++journey;
    release_held();
    free.insert(free.end(), ready.begin(), ready.end());
    ready.clear();
    error = nullptr;
  }

  const Batch& look_again(Position wanted) {
    std::unique_lock lock(mutex);
    drop();
    running = started = false;
    arrived.wait(lock, [this] { return !reading; });  // only one thread at a time reads the source
    if (again == nullptr) {
      again = make_again();
      again->allocate(seen_again);
    }
    again->make(wanted, seen_again);
    return seen_again.batch;
  }

  void seek(Position target) {
    {
      const std::lock_guard lock(mutex);
      drop();
      position = target;
      last_epoch = target.epoch + epochs;
      running = true;
      delivered_to = target;
      started = true;
    }
    work.notify_one();
  }

  void wait_for_batch(std::unique_lock<std::mutex>& lock) {
    const Activity waiting(waiting_phase(), "the next batch of the loader");
    const double begin = steady_seconds();
    arrived.wait(lock, [this] { return !ready.empty() || error; });
    waited += steady_seconds() - begin;
  }

  const Batch& next() {
    std::unique_lock lock(mutex);
    expect_contract(started, "seek() comes before next()");
    expect_contract(epochs == 0 || delivered_to.epoch < last_epoch, "next() within the epochs asked for");
    release_held();
    work.notify_one();
    if (ready.empty() && !error) wait_for_batch(lock);
    if (ready.empty()) std::rethrow_exception(error);
    held = ready.front();
    ready.pop_front();
    if (++delivered_to.step == steps) delivered_to = {delivered_to.epoch + 1, 0};
    return held->batch;
  }

  BatchMaker maker;
  const SourceInfo& info;
  std::function<std::unique_ptr<BatchMaker>()> make_again;
  std::unique_ptr<BatchMaker> again;  ///< of look_again(); rarely needed, so made when it is
  BatchBuffer seen_again;
  const std::uint64_t steps;
  const std::uint64_t epochs;
  double waited = 0;      ///< of the thread that calls next()
  Position delivered_to;  ///< first position next() has not delivered
  bool started = false;
  BatchBuffer* held = nullptr;  ///< the caller looks at it

  std::mutex mutex;
  std::condition_variable work;     ///< to the I/O thread: a free buffer, a new position, or the end
  std::condition_variable arrived;  ///< to next(): a batch or an error
  std::vector<BatchBuffer> buffers;
  std::deque<BatchBuffer*> free;
  std::deque<BatchBuffer*> ready;
  Position position;  ///< next to be made
  std::uint64_t last_epoch = 0;
  std::uint64_t journey = 0;  ///< counts seeks; work for an older one is thrown away
  std::exception_ptr error;
  bool running = false;
  bool reading = false;  ///< the I/O thread is at the source
  bool stopping = false;
  std::thread thread;
};

BatchLoader::BatchLoader(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
                         LoaderOptions options) {
  check(source, sampler, options);
  impl_ = std::make_unique<Impl>(source, sampler, generator, options);
}

BatchLoader::~BatchLoader() = default;

void BatchLoader::seek(std::uint64_t epoch, std::uint64_t step) {
  expect_contract(step < impl_->steps, "a step lies within its epoch");
  impl_->seek({epoch, step});
}

const Batch& BatchLoader::look_again(std::uint64_t epoch, std::uint64_t step) {
  return impl_->look_again({epoch, step});
}

const SourceInfo& BatchLoader::info() const { return impl_->info; }

const Batch& BatchLoader::next() { return impl_->next(); }

double BatchLoader::waited_seconds() const { return impl_->waited; }

}  // namespace annulus::io
