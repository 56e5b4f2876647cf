// The group of one rank: collectives are copies, messages to oneself go through a mailbox.
#include <algorithm>
#include <deque>
#include <map>
#include <vector>

#include "base/error.hpp"
#include "comm/ranks/process_group.hpp"

namespace annulus::comm {
namespace {

/// Messages under way to oneself, by tag, oldest first.
using Mailbox = std::map<int, std::deque<std::vector<float>>>;

class Finished final : public Transfer {
 public:
  bool test() override { return true; }
};

class Delivery final : public Transfer {
 public:
  Delivery(Mailbox& mailbox, std::span<float> data, int tag) : mailbox_(mailbox), data_(data), tag_(tag) {}

  bool test() override {
    if (done_) return true;
    auto& messages = mailbox_[tag_];
    if (messages.empty()) return false;
    expect_contract(messages.front().size() == data_.size(), "a message is received with the length sent");
    std::ranges::copy(messages.front(), data_.begin());
    messages.pop_front();
    done_ = true;
    return true;
  }

 private:
  Mailbox& mailbox_;
  std::span<float> data_;
  int tag_;
  bool done_ = false;
};

class SerialGroup final : public ProcessGroup {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }

  void barrier(std::string_view) override {}
  void broadcast(std::span<std::byte>, int root, std::string_view) override { expect_self(root); }
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all, std::string_view) override {
    expect_contract(all.size() == mine.size(), "all_gather returns size() times what one rank gives");
    std::ranges::copy(mine, all.begin());
  }

  std::unique_ptr<Transfer> start_all_reduce_sum(std::span<float>) override {
    return std::make_unique<Finished>();
  }
  std::unique_ptr<Transfer> start_send(std::span<const float> data, int peer, int tag) override {
    expect_self(peer);
    mailbox_[tag].emplace_back(data.begin(), data.end());
    return std::make_unique<Finished>();
  }
  std::unique_ptr<Transfer> start_receive(std::span<float> data, int peer, int tag) override {
    expect_self(peer);
    return std::make_unique<Delivery>(mailbox_, data, tag);
  }

 private:
  static void expect_self(int peer) { expect_contract(peer == 0, "a group of one rank knows only rank 0"); }

  Mailbox mailbox_;
};

}  // namespace

std::unique_ptr<ProcessGroup> make_serial_group() { return std::make_unique<SerialGroup>(); }

}  // namespace annulus::comm
