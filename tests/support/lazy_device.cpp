// Queues and their order.
#include "tests/support/lazy_device.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "base/error.hpp"

namespace annulus::comm::test {

void LazyWork::enqueue(DeviceStream stream, std::function<void()> work) {
  queue(stream).tasks.push_back({.work = std::move(work)});
  if (ahead_ == Ahead::communication && stream == this->stream())
    run_until(*communication_, communication_->enqueued());
}

void LazyWork::run_until(Queue& queue, std::size_t position) {
  while (!hangs_ && queue.done < position) {
    const Task task = queue.tasks.front();
    if (task.first != nullptr) run_until(*task.first, task.position);
    if (hangs_) return;
    if (task.work) task.work();
    if (hangs_) return;
    queue.tasks.pop_front();
    ++queue.done;
  }
}

float* LazyWork::allocate(std::size_t count, std::string_view) {
  memory_.push_back(std::make_unique<float[]>(count));
  std::fill_n(memory_.back().get(), count,
              std::numeric_limits<float>::quiet_NaN());  // undefined, and seen if used
  return memory_.back().get();
}

void LazyWork::add(float* sum, const float* left, const float* right, std::size_t count,
                   DeviceStream stream) {
  enqueue(stream, [=] {
    for (std::size_t i = 0; i < count; ++i) sum[i] = left[i] + right[i];
  });
}

bool LazyWork::add_pairwise(float* sum, std::span<const float* const> operands, std::size_t count,
                            DeviceStream stream) {
  if (operands.size() > 2) return false;  // so that both ways of summing are taken
  add(sum, operands[0], operands[1], count, stream);
  return true;
}

void LazyWork::copy_to_host(float* host, const float* device, std::size_t count, DeviceStream stream) {
  enqueue(stream, [=] { std::copy_n(device, count, host); });
}

void LazyWork::copy_to_device(float* device, const float* host, std::size_t count, DeviceStream stream) {
  enqueue(stream, [=] { std::copy_n(host, count, device); });
}

void LazyWork::order(DeviceStream first, DeviceStream then) {
  queue(then).tasks.push_back({.work = nullptr, .first = &queue(first), .position = queue(first).enqueued()});
}

bool LazyWork::idle(DeviceStream stream) {
  run_until(queue(stream), queue(stream).enqueued());
  return queue(stream).tasks.empty();
}

void LazyWork::take_note(int value, DeviceStream stream) {
  enqueue(stream, [this, value] { note_ = value; });
}

void LazyLink::open() {
  expect_contract(!open_, "exchanges do not nest");
  open_ = true;
}

void LazyLink::send(const float* data, std::size_t count, int peer) {
  expect_contract(open_ && count > 0, "a message belongs to an exchange and is not empty");
  messages_.push_back({const_cast<float*>(data), count, peer, true});
}

void LazyLink::receive(float* data, std::size_t count, int peer) {
  expect_contract(open_ && count > 0, "a message belongs to an exchange and is not empty");
  messages_.push_back({data, count, peer, false});
}

void LazyLink::close(std::string_view purpose) {
  expect_contract(open_, "an exchange is open before it is closed");
  open_ = false;
  work_.enqueue(work_.stream(),
                [this, messages = std::exchange(messages_, {}), purpose = std::string(purpose)] {
                  if (lost_) return work_.hang();
                  std::vector<std::unique_ptr<Transfer>> transfers;
                  for (const Message& message : messages) {
                    const std::span<float> data(message.data, message.count);
                    transfers.push_back(message.sent ? host_.start_send(data, message.peer, 7)
                                                     : host_.start_receive(data, message.peer, 7));
                  }
                  for (const auto& transfer : transfers) host_.wait(*transfer, purpose);
                });
}

void LazyLink::all_reduce_sum(float* data, std::size_t count, std::string_view purpose) {
  work_.enqueue(work_.stream(), [this, data, count, purpose = std::string(purpose)] {
    host_.wait(*host_.start_all_reduce_sum({data, count}), purpose);
  });
}

LazyGroup::LazyGroup(ProcessGroup& host, Ahead ahead, Transport transport) {
  auto own_work = std::make_unique<LazyWork>(ahead);
  work = own_work.get();
  std::unique_ptr<LazyLink> own_link;
  if (transport == Transport::nccl) own_link = std::make_unique<LazyLink>(host, *own_work);
  link = own_link.get();
  group = std::make_unique<DeviceGroup>(host, std::move(own_work), std::move(own_link));
}

}  // namespace annulus::comm::test
