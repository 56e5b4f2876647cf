// Simulates windows of tracks ahead of their use, on threads of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "rich/images/image_maker.hpp"
#include "rich/simulation/simulation.hpp"
#include "rich/simulation/track_lanes.hpp"

namespace annulus::rich {

/// Rows of tracks for training, in the order of events.
struct TrackRows {
  std::vector<std::uint8_t> images;  ///< (N, size, size, channels)
  std::vector<float> features;       ///< (N, kFeatures)
  std::vector<std::int32_t> labels;
};

/// Makes rows out of events one by one. One per thread.
class TrackRowMaker {
 public:
  /// @param maker  of one kind of image. Both outlive it
  TrackRowMaker(const Simulation& simulation, const ImageMaker& maker);

  /// Appends the rows of an event.
  void append(std::uint64_t event, TrackRows& rows);

 private:
  const Simulation& simulation_;
  const ImageMaker& maker_;
  Simulation::Workspace simulation_workspace_;
  ImageMaker::Workspace image_workspace_;
};

class WindowMaker {
 public:
  /// All outlive it. @param threads  at least 1
  WindowMaker(const Simulation& simulation, const ImageMaker& maker, int threads);
  ~WindowMaker();
  WindowMaker(const WindowMaker&) = delete;
  WindowMaker& operator=(const WindowMaker&) = delete;

  /// What a window is made of.
  struct Order {
    LaneWindow window;
    std::vector<std::uint64_t> events;
  };
  /// Begins to make a window, when a thread is free. Those ordered first are made first.
  void start(Order order);
  /// Waits for a window. It can be taken once. @pre it was started
  /// @throws what the thread threw that made it
  TrackRows take(const LaneWindow& window);
  /// Drops a window that was started and will not be taken.
  void forget(const LaneWindow& window);

 private:
  struct Job {
    Order order;
    TrackRows rows;
    std::exception_ptr error;
    bool done = false;
  };

  void serve();
  void make(Job& job, TrackRowMaker& rows);
  std::shared_ptr<Job> remove_started(const LaneWindow& window);
  void stop();

  const Simulation& simulation_;
  const ImageMaker& maker_;
  std::mutex mutex_;
  std::condition_variable work_;      ///< to the threads
  std::condition_variable finished_;  ///< to take()
  std::deque<std::shared_ptr<Job>> waiting_;
  std::vector<std::shared_ptr<Job>> started_;  ///< not taken yet, waiting ones included
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace annulus::rich
