// A batch once more, to look at what was in it: for the rare step whose numbers are bad.
#pragma once

#include <memory>

#include "io/loading/batch_loader_maker.hpp"

namespace annulus::io {

/// Makes single batches with float images, whatever the loader's own hold. Takes memory and threads only once
/// it is asked.
class SecondLook {
 public:
  /// The source outlives it; sampler and generator are copied.
  SecondLook(SampleSource& source, const ShardedSampler& sampler, const Generator& generator,
             const LoaderOptions& options);

  /// @pre nobody else reads the source meanwhile
  /// @return valid until the next call
  /// @throws what the source throws
  const Batch& make(Position position);

 private:
  SampleSource& source_;
  ShardedSampler sampler_;
  Generator generator_;
  LoaderOptions options_;
  std::unique_ptr<BatchMaker> maker_;
  BatchBuffer buffer_;
};

}  // namespace annulus::io
