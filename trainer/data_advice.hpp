// What to do when the data of a file do not fit the network: advice that leads to right training.
#pragma once

#include <string>

#include "io/augmentation/augmentation.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/loading/sharded_sampler.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer {

/// Whether network.input can still be another, or weights and other samples fit it already.
enum class NetworkState { planned, trained };

/// @throws UsageError saying which shape is which, and which key puts it right
[[noreturn]] void throw_shape_mismatch(const io::SourceInfo& source, const SampleShape& input,
                                       NetworkState network = NetworkState::planned);

/// @throws UsageError saying how many classes there are, or that labels count from 1
[[noreturn]] void throw_too_many_classes(const io::SourceInfo& source, std::int64_t outputs);

/// A sentence about a class name that stands twice in the list of the data; "" where each is its own.
std::string doubled_classes(const io::SourceInfo& source);

/// A sentence about a network in which no weight can change; "" where one can.
std::string nothing_to_learn(const Network& network);

/// A sentence about evaluations that see images at another scale than a training with random windows; ""
/// where they do not.
std::string evaluation_scale(const io::AugmentationOptions& augmentation, const io::SourceInfo& source);

/// A sentence about ranks that read the same parts of a streamed file; "" where each reads its own.
std::string shared_reading(const io::SourceInfo& source, const io::SamplerOptions& order, int ranks);

/// Says in the log what fits the network, but looks like a slip: channels taken for rows, labels from 1.
void note_odd_training_data(const io::SourceInfo& source);

}  // namespace annulus::trainer
