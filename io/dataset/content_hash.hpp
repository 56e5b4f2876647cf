// Whether a dataset still holds what it held: a hash that takes milliseconds, whatever the size.
#pragma once

#include <cstdint>

#include "io/dataset/sample_source.hpp"

namespace annulus::io {

/// Samples whose pixels and vectors are looked at.
constexpr std::uint64_t kHashedSamples = 64;

/// XXH3 over all labels, all weights of samples and over kHashedSamples samples at even distances, the first
/// and the last among them: another order, another preprocessing or other classes change it; a change of
/// single images may not.
/// @pre the source is not endless   @throws DataError as reading does
std::uint64_t content_hash(SampleSource& source);

}  // namespace annulus::io
