#include "rich/images/window_maker.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace annulus::rich {

TrackRowMaker::TrackRowMaker(const Simulation& simulation, const ImageMaker& maker)
    : simulation_(simulation), maker_(maker), simulation_workspace_(simulation), image_workspace_(maker) {}

void TrackRowMaker::append(std::uint64_t number, TrackRows& rows) {
  const Event event = simulation_.event(number, simulation_workspace_);
  const std::size_t bytes = maker_.kinds().front().bytes();
  const std::size_t first = rows.labels.size();
  const std::size_t count = event.tracks.size();
  for (const Track& track : event.tracks) rows.labels.push_back(static_cast<std::int32_t>(track.species));
  rows.images.resize((first + count) * bytes);
  rows.features.resize((first + count) * kFeatures);
  maker_.make(event, image_workspace_,
              {.images = {std::span(rows.images).subspan(first * bytes)},
               .features = std::span(rows.features).subspan(first * kFeatures)});
}

WindowMaker::WindowMaker(const Simulation& simulation, const ImageMaker& maker, int threads)
    : simulation_(simulation), maker_(maker) {
  try {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
  } catch (...) {
    stop();
    throw;
  }
}

WindowMaker::~WindowMaker() { stop(); }

void WindowMaker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WindowMaker::start(Order order) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::make_shared<Job>(Job{.order = std::move(order)}));
    started_.push_back(waiting_.back());
  }
  work_.notify_one();
}

/// @pre the lock is held
std::shared_ptr<WindowMaker::Job> WindowMaker::remove_started(const LaneWindow& window) {
  const auto found = std::ranges::find_if(
      started_, [&window](const std::shared_ptr<Job>& job) { return job->order.window == window; });
  expect_contract(found != started_.end(), "a window is started before it is taken or dropped");
  const std::shared_ptr<Job> job = *found;
  started_.erase(found);
  return job;
}

TrackRows WindowMaker::take(const LaneWindow& window) {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Job> job = remove_started(window);
  finished_.wait(lock, [&job] { return job->done; });
  if (job->error) std::rethrow_exception(job->error);
  return std::move(job->rows);
}

void WindowMaker::forget(const LaneWindow& window) {
  const std::lock_guard lock(mutex_);
  std::erase(waiting_, remove_started(window));
}

void WindowMaker::make(Job& job, TrackRowMaker& rows) {
  for (const std::uint64_t event : job.order.events) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    rows.append(event, job.rows);
  }
}

void WindowMaker::serve() {
  TrackRowMaker rows(simulation_, maker_);
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<Job> job = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    try {
      make(*job, rows);
    } catch (...) {
      job->error = std::current_exception();  // take() rethrows it
    }
    lock.lock();
    job->done = true;
    finished_.notify_all();
  }
}

}  // namespace annulus::rich
