// Samples that are made instead of read: what data.generator names.
#pragma once

#include <memory>

#include "trainer/data_splits.hpp"

namespace annulus::trainer {

/// A SourceFactory that knows the generator "rich": simulated tracks with the options of data.rich
/// (docs/rich.md).
std::unique_ptr<io::SampleSource> generate_source(const Config& config, Split split,
                                                  const NodeMemoryFactory& memory);

}  // namespace annulus::trainer
