// One thread reads a step, makes its images together with the helper threads, and goes on to the next step
// while there is a free buffer. What a batch holds follows from (epoch, step) alone, so threads and depth
// never show.
#include "io/loading/batch_loader.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/vital_signs.hpp"
#include "io/loading/batch_loader_maker.hpp"
#include "io/loading/second_look.hpp"

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

/// Where a loader is on its way. seek() leads to `producing` from everywhere, pause() to `idle`.
enum class State {
  idle,       ///< not sent anywhere yet, or paused
  producing,  ///< batches are made while there is a free buffer
  ended,      ///< after the last epoch, or an error: what is ready is still delivered, nothing more is made
  closing,    ///< the I/O thread shall return; for good
};

/// What the I/O thread has in hand while it is at the source.
enum class Fill {
  nothing,
  wanted,
  outdated,  ///< begun before seek() or pause(): thrown away when it is full
};

}  // namespace

/// Buffers go round: free -> being filled -> ready -> held by the caller -> free. Everything below the mutex
/// is guarded by it, apart from the contents of a buffer, which belong to whoever took it off its list.
class BatchLoader::Impl {
 public:
  Impl(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
       const LoaderOptions& options);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::uint64_t steps() const { return steps_; }
  double waited_seconds() const { return waited_; }
  void seek(Position target);
  const Batch& next();
  /// Returns when nobody is at the source.
  void pause();

 private:
  // On the I/O thread.
  void produce();
  bool await_work(std::unique_lock<std::mutex>& lock);
  BatchBuffer* begin_fill();
  std::exception_ptr try_to_make(Position position, BatchBuffer& buffer);
  void deliver(BatchBuffer* buffer, Fill fill, const std::exception_ptr& problem);

  // With the mutex locked.
  void advance();
  void drop();
  void release_held();
  void wait_for_batch(std::unique_lock<std::mutex>& lock);

  BatchMaker maker_;
  const std::uint64_t steps_;
  const std::uint64_t epochs_;
  double waited_ = 0;            ///< of the thread that calls next()
  Position delivered_to_;        ///< first position next() has not delivered
  BatchBuffer* held_ = nullptr;  ///< the caller looks at it

  std::mutex mutex_;
  std::condition_variable work_;     ///< to the I/O thread: a free buffer, a new position, or the end
  std::condition_variable arrived_;  ///< to the caller: a batch, an error, or an empty hand
  std::vector<BatchBuffer> buffers_;
  std::deque<BatchBuffer*> free_;
  std::deque<BatchBuffer*> ready_;
  State state_ = State::idle;
  Fill fill_ = Fill::nothing;
  Position position_;             ///< next to be made
  std::uint64_t last_epoch_ = 0;  ///< not delivered any more; means nothing where there is no end
  std::exception_ptr error_;      ///< until the next seek()
  std::thread thread_;
};

BatchLoader::Impl::Impl(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
                        const LoaderOptions& options)
    : maker_(source, sampler, generator, options),
      steps_(sampler.steps_per_epoch()),
      epochs_(options.epochs),
      buffers_(static_cast<std::size_t>(options.depth) + 1) {
  for (BatchBuffer& buffer : buffers_) {
    maker_.allocate(buffer);
    free_.push_back(&buffer);
  }
  thread_ = std::thread([this] { produce(); });
}

BatchLoader::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex_);
    drop();  // or an error of what is being read would end more than the reading
    state_ = State::closing;
  }
  work_.notify_all();
  thread_.join();
}

void BatchLoader::Impl::produce() {
  std::unique_lock lock(mutex_);
  while (await_work(lock)) {
    const Position position = position_;
    BatchBuffer* buffer = begin_fill();
    lock.unlock();
    const std::exception_ptr problem = try_to_make(position, *buffer);
    lock.lock();
    deliver(buffer, std::exchange(fill_, Fill::nothing), problem);
  }
}

/// @return false when the thread shall go
bool BatchLoader::Impl::await_work(std::unique_lock<std::mutex>& lock) {
  work_.wait(lock,
             [this] { return state_ == State::closing || (state_ == State::producing && !free_.empty()); });
  return state_ != State::closing;
}

BatchBuffer* BatchLoader::Impl::begin_fill() {
  BatchBuffer* buffer = free_.front();
  free_.pop_front();
  fill_ = Fill::wanted;
  advance();
  return buffer;
}

std::exception_ptr BatchLoader::Impl::try_to_make(Position position, BatchBuffer& buffer) {
  try {
    maker_.make(position, buffer);
    return {};
  } catch (...) {
    return std::current_exception();  // next() rethrows it where the caller can act on it
  }
}

void BatchLoader::Impl::deliver(BatchBuffer* buffer, Fill fill, const std::exception_ptr& problem) {
  if (fill == Fill::wanted && !problem) {
    ready_.push_back(buffer);
  } else {
    free_.push_back(buffer);
  }
  if (fill == Fill::wanted && problem) {
    error_ = problem;
    state_ = State::ended;
  }
  arrived_.notify_one();
}

void BatchLoader::Impl::advance() {
  if (++position_.step < steps_) return;
  position_ = {position_.epoch + 1, 0};
  if (epochs_ != 0 && position_.epoch == last_epoch_) state_ = State::ended;
}

/// Forgets all that was prepared, an error included.
void BatchLoader::Impl::drop() {
  if (fill_ == Fill::wanted) fill_ = Fill::outdated;
  release_held();
  free_.insert(free_.end(), ready_.begin(), ready_.end());
  ready_.clear();
  error_ = nullptr;
}

void BatchLoader::Impl::release_held() {
  if (held_ != nullptr) free_.push_back(std::exchange(held_, nullptr));
}

void BatchLoader::Impl::seek(Position target) {
  {
    const std::lock_guard lock(mutex_);
    drop();
    position_ = delivered_to_ = target;
    last_epoch_ = target.epoch + epochs_;
    state_ = State::producing;
  }
  work_.notify_one();
}

void BatchLoader::Impl::pause() {
  std::unique_lock lock(mutex_);
  drop();
  state_ = State::idle;
  arrived_.wait(lock, [this] { return fill_ == Fill::nothing; });
}

const Batch& BatchLoader::Impl::next() {
  std::unique_lock lock(mutex_);
  expect_contract(state_ != State::idle, "seek() comes before next()");
  expect_contract(epochs_ == 0 || delivered_to_.epoch < last_epoch_, "next() within the epochs asked for");
  release_held();
  work_.notify_one();
  if (ready_.empty() && !error_) wait_for_batch(lock);
  if (ready_.empty()) std::rethrow_exception(error_);
  held_ = ready_.front();
  ready_.pop_front();
  if (++delivered_to_.step == steps_) delivered_to_ = {delivered_to_.epoch + 1, 0};
  return held_->batch;
}

void BatchLoader::Impl::wait_for_batch(std::unique_lock<std::mutex>& lock) {
  const Activity waiting(waiting_phase(), "the next batch of the loader");
  const double begin = steady_seconds();
  arrived_.wait(lock, [this] { return !ready_.empty() || error_; });
  waited_ += steady_seconds() - begin;
}

BatchLoader::BatchLoader(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
                         const LoaderOptions& options)
    : info_(source.info()) {
  check(source, sampler, options);
  impl_ = std::make_unique<Impl>(source, sampler, generator, options);
  second_look_ = std::make_unique<SecondLook>(source, sampler, generator, options);
}

BatchLoader::~BatchLoader() = default;

void BatchLoader::seek(std::uint64_t epoch, std::uint64_t step) {
  expect_contract(step < impl_->steps(), "a step lies within its epoch");
  impl_->seek({epoch, step});
}

const Batch& BatchLoader::next() { return impl_->next(); }

const Batch& BatchLoader::look_again(std::uint64_t epoch, std::uint64_t step) {
  impl_->pause();  // only one thread at a time reads the source
  return second_look_->make({epoch, step});
}

double BatchLoader::waited_seconds() const { return impl_->waited_seconds(); }

}  // namespace annulus::io
