// A GPU that is not there: work is noted in queues, one a stream, and done as late or as early as the order
// between streams allows. What a real GPU does lies between the two, so a missing order shows in the sums.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "comm/device/group.hpp"

namespace annulus::comm::test {

/// Who runs ahead where nothing orders two streams.
enum class Ahead { computation, communication };

class LazyWork final : public DeviceWork {
 public:
  explicit LazyWork(Ahead ahead) : ahead_(ahead) {}

  /// A stream for computation. (Streams are only compared, never followed.)
  DeviceStream compute() const { return reinterpret_cast<DeviceStream>(compute_.get()); }
  /// Enqueues any work, as a kernel.
  void enqueue(DeviceStream stream, std::function<void()> work);

  DeviceStream stream() const override { return reinterpret_cast<DeviceStream>(communication_.get()); }
  float* allocate(std::size_t count, std::string_view purpose) override;
  float* allocate_pinned(std::size_t count, std::string_view purpose) override {
    return allocate(count, purpose);
  }
  std::size_t allocations() const override { return memory_.size(); }
  void release_since(std::size_t mark) override { memory_.resize(mark); }
  void add(float* sum, const float* left, const float* right, std::size_t count,
           DeviceStream stream) override;
  bool add_pairwise(float* sum, std::span<const float* const> operands, std::size_t count,
                    DeviceStream stream) override;
  void copy_to_host(float* host, const float* device, std::size_t count, DeviceStream stream) override;
  void copy_to_device(float* device, const float* host, std::size_t count, DeviceStream stream) override;
  void order(DeviceStream first, DeviceStream then) override;
  /// Does everything that the stream holds, and what it waits for; true unless the GPU hangs.
  bool idle(DeviceStream stream) override;
  void take_note(int value, DeviceStream stream) override;
  int note() const override { return note_; }

  /// The work being done never ends.
  void hang() { hangs_ = true; }

 private:
  struct Queue;
  struct Task {
    std::function<void()> work;  ///< empty for a wait
    Queue* first = nullptr;      ///< of a wait
    std::size_t position = 0;    ///< tasks of `first` that must be done
  };
  struct Queue {
    std::deque<Task> tasks;
    std::size_t done = 0;
    std::size_t enqueued() const { return done + tasks.size(); }
  };

  static Queue& queue(DeviceStream stream) { return *reinterpret_cast<Queue*>(stream); }
  void run_until(Queue& queue, std::size_t position);

  Ahead ahead_;
  std::unique_ptr<Queue> compute_ = std::make_unique<Queue>();
  std::unique_ptr<Queue> communication_ = std::make_unique<Queue>();
  std::vector<std::unique_ptr<float[]>> memory_;
  int note_ = 0;
  bool hangs_ = false;
};

/// Exchanges by a process group, when the communication stream comes to it.
class LazyLink final : public DeviceLink {
 public:
  LazyLink(ProcessGroup& host, LazyWork& work) : host_(host), work_(work) {}
  void open() override;
  void send(const float* data, std::size_t count, int peer) override;
  void receive(float* data, std::size_t count, int peer) override;
  void close(std::string_view purpose) override;
  void all_reduce_sum(float* data, std::size_t count, std::string_view purpose) override;
  void poll(std::string_view purpose) override { polled_ = purpose; }
  void abort() noexcept override { aborted_ = true; }

  /// The other ranks are gone: exchanges from now on never end.
  void lose_peers() { lost_ = true; }
  bool aborted() const { return aborted_; }
  const std::string& polled() const { return polled_; }

 private:
  struct Message {
    float* data;
    std::size_t count;
    int peer;
    bool sent;
  };

  ProcessGroup& host_;
  LazyWork& work_;
  std::vector<Message> messages_;
  bool open_ = false;
  bool lost_ = false;
  bool aborted_ = false;
  std::string polled_;
};

/// A group of such devices, and the parts that a test wants to see.
struct LazyGroup {
  LazyGroup(ProcessGroup& host, Ahead ahead, Transport transport);
  LazyWork* work;
  LazyLink* link;  ///< none for Transport::host
  std::unique_ptr<DeviceGroup> group;
};

}  // namespace annulus::comm::test
