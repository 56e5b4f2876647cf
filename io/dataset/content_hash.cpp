// Samples spread evenly over the whole set, first and last included, so that a set that was cut, extended or
// made anew is found without reading all of it. All labels and weights where they are in memory anyway.
#include "io/dataset/content_hash.hpp"

#include <xxhash.h>

#include <algorithm>
#include <vector>

#include "base/error.hpp"

namespace annulus::io {

std::uint64_t content_hash(SampleSource& source) {
  const SourceInfo& info = source.info();
  expect_contract(!info.endless && info.samples > 0, "only what has an end has a hash");
  const std::uint64_t count = std::min(info.samples, kHashedSamples);
  std::vector<std::uint64_t> numbers(count);
  for (std::uint64_t i = 0; i < count; ++i)
    numbers[i] = count == 1 ? 0 : (info.samples - 1) * i / (count - 1);  // samples < 2^58: no overflow
  std::vector<std::byte> pixels(count * static_cast<std::uint64_t>(info.shape.size()) * size_of(info.pixels));
  std::vector<std::int32_t> labels(count);
  std::vector<float> vectors(count * static_cast<std::uint64_t>(total_length(info.vectors)));
  source.read(numbers, {.pixels = pixels, .labels = labels, .vectors = vectors});
  // Each hash is the seed of the next, the number of samples that of the first: order and length count as
  // well.
  const auto all = source.all_labels();
  XXH64_hash_t hash = XXH3_64bits_withSeed(labels.data(), labels.size() * sizeof labels[0], info.samples);
  if (!all.empty()) hash = XXH3_64bits_withSeed(all.data(), all.size_bytes(), hash);
  hash = XXH3_64bits_withSeed(pixels.data(), pixels.size(), hash);
  if (!vectors.empty()) hash = XXH3_64bits_withSeed(vectors.data(), vectors.size() * sizeof(float), hash);
  const auto weights = source.all_weights();
  if (!weights.empty()) hash = XXH3_64bits_withSeed(weights.data(), weights.size_bytes(), hash);
  return hash;
}

}  // namespace annulus::io
