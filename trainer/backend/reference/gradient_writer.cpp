// Everything is rounded from double to float here, once.
#include "trainer/backend/reference/gradient_writer.hpp"

#include <algorithm>

namespace annulus::trainer::reference {

GradientWriter::GradientWriter(comm::GradientReducer& reducer, const ArenaLayout& layout, std::int64_t shard)
    : reducer_(reducer), layout_(layout), shard_(shard), buffer_(reducer.begin_shard(shard)) {
  std::fill(buffer_.begin(), buffer_.end(), 0.0f);
}

void GradientWriter::write_head(const GraphPass& pass, const LossResult& loss, std::int64_t samples) {
  buffer_[kLossSum] = static_cast<float>(loss.sum);
  buffer_[kCorrectCount] = static_cast<float>(loss.correct);
  buffer_[kSampleCount] = static_cast<float>(samples);
  buffer_[kTopCount] = static_cast<float>(loss.top);
  int layer = -1;
  std::size_t read = 0;  // a batch norm saves means, then variances: the order of its moving averages
  for (const Segment& segment : layout_.statistics) {
    if (segment.layer != layer) read = 0;
    layer = segment.layer;
    for (std::size_t c = 0; c < segment.count; ++c)
      buffer_[kGradientHead + segment.offset + c] =
          static_cast<float>(static_cast<double>(samples) * pass.node(layer).saved[read++]);
  }
  filled_up_to(gradient_offset(layout_));
}

void GradientWriter::write_gradients(const GraphPass& pass, int layer) {
  const std::vector<Segment>& segments = layout_.trainable;
  for (; next_segment_ < segments.size() && segments[next_segment_].layer == layer; ++next_segment_) {
    const Segment& segment = segments[next_segment_];
    const Tensor& gradient = pass.node(layer).parameter_gradients[segment.parameter];
    for (std::size_t i = 0; i < segment.count; ++i)
      buffer_[gradient_offset(layout_) + segment.offset + i] = static_cast<float>(gradient[i]);
  }
  const bool all = next_segment_ == segments.size();
  filled_up_to(gradient_offset(layout_) + (all ? layout_.trainable_count : segments[next_segment_].offset));
}

void GradientWriter::finish() { filled_up_to(buffer_.size()); }

void GradientWriter::filled_up_to(std::size_t end) {
  const std::vector<comm::Bucket>& buckets = reducer_.buckets();
  for (; next_bucket_ < buckets.size() && buckets[next_bucket_].end <= end; ++next_bucket_)
    reducer_.bucket_ready(shard_, next_bucket_);
}

}  // namespace annulus::trainer::reference
