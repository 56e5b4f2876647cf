// See second_look.hpp.
#include "io/loading/second_look.hpp"

namespace annulus::io {

SecondLook::SecondLook(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
                       const LoaderOptions& options)
    : source_(source), sampler_(sampler), generator_(generator), options_(options) {
  options_.content = BatchContent::images;
  options_.memory = {};
}

const Batch& SecondLook::make(Position position) {
  if (maker_ == nullptr) {
    maker_ = std::make_unique<BatchMaker>(source_, sampler_, generator_, options_);
    maker_->allocate(buffer_);
  }
  maker_->make(position, buffer_);
  return buffer_.batch;
}

}  // namespace annulus::io
