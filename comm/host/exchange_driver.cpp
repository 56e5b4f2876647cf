// One step of an exchange after another.
#include "comm/host/exchange_driver.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace annulus::comm {
namespace {

std::unique_ptr<Exchange> make_exchange(ProcessGroup& group, const OwnNodes& own,
                                        const ReducerOptions& options, const SharedArea* area) {
  if (options.reduction == Reduction::fast) return make_fast_exchange(group, options, own);
  return area != nullptr ? make_shared_exchange(group, options, *area)
                         : make_tree_exchange(group, options, own);
}

}  // namespace

/// Lets the group's bounded wait drive everything until one bucket has its sum.
class ExchangeDriver::BucketSum final : public Transfer {
 public:
  BucketSum(ExchangeDriver& driver, std::size_t bucket) : driver_(driver), bucket_(bucket) {}
  bool test() override {
    if (driver_.unfinished_[bucket_] == 0) return true;
    driver_.progress();
    return driver_.unfinished_[bucket_] == 0;
  }

 private:
  ExchangeDriver& driver_;
  std::size_t bucket_;
};

ExchangeDriver::ExchangeDriver(ProcessGroup& group, const OwnNodes& own, const ReducerOptions& options,
                               const SharedArea* area)
    : group_(group),
      own_(own),
      purpose_(options.purpose),
      exchange_(make_exchange(group, own, options, area)),
      unfinished_(options.buckets.size()) {
  rewind();
}

/// Runs start strictly one after another, even where a later one is ready and the next is not: only the
/// common order makes the messages of two ranks match. Buckets become ready in that order anyway.
void ExchangeDriver::progress() {
  exchange_->advance(unfinished_);
  const auto& runs = exchange_->runs();
  while (next_ < runs.size() && own_.ready(runs[next_].bucket) && exchange_->start(next_)) ++next_;
}

void ExchangeDriver::finish() {
  for (std::size_t bucket = 0; bucket < unfinished_.size(); ++bucket) wait_for(bucket);
  rewind();
}

void ExchangeDriver::wait_for(std::size_t bucket) {
  if (unfinished_[bucket] == 0) return;
  BucketSum sum(*this, bucket);
  group_.wait(sum, bucket_purpose(bucket, unfinished_.size(), purpose_));
}

/// Before a step: no run has started, every bucket waits for all of its runs.
void ExchangeDriver::rewind() {
  next_ = 0;
  std::ranges::fill(unfinished_, 0);
  for (const Run& run : exchange_->runs()) ++unfinished_[run.bucket];
}

std::string bucket_purpose(std::size_t bucket, std::size_t buckets, ReducerPurpose purpose) {
  if (purpose == ReducerPurpose::statistics) return "sum of the batch statistics of a step";
  return fmt::format("sum of gradient bucket {} of {}", bucket + 1, buckets);
}

}  // namespace annulus::comm
