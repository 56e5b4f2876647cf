// Hashes sorted with their rows: equal images become neighbours, and two splits are compared by walking both.
#include "io/survey/duplicates.hpp"

#include <fmt/ostream.h>
#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <ostream>
#include <tuple>

#include "base/printable.hpp"
#include "io/dataset/columns.hpp"
#include "io/survey/pixel_scan.hpp"

namespace annulus::io {
namespace {

constexpr std::size_t kPairsShown = 5;

struct Image {
  std::uint64_t hash = 0;
  std::uint32_t row = 0;
  std::int32_t label = 0;
};
static_assert(sizeof(Image) == 16);

/// By hash, then by row: the first of equal images comes first.
bool comes_before(const Image& a, const Image& b) {
  return std::tie(a.hash, a.row) < std::tie(b.hash, b.row);
}

std::vector<Image> hash_images(const DatasetColumns& columns, std::uint64_t most) {
  const std::uint64_t count = std::min(columns.info().samples, most);
  const std::size_t row_bytes = columns.row_bytes();
  std::vector<Image> images;
  images.reserve(count);
  const RowRange rows{0, count};
  visit_pixels(columns, {&rows, 1}, [&](std::uint64_t first, std::span<const std::byte> pixels) {
    for (std::size_t at = 0; at < pixels.size(); at += row_bytes, ++first)
      images.push_back({XXH3_64bits(pixels.data() + at, row_bytes), static_cast<std::uint32_t>(first),
                        columns.labels()[first]});
  });
  std::ranges::sort(images, comes_before);
  return images;
}

/// Keeps the pairs of the lowest rows, whatever the order in which they come.
void note(Repeats& repeats, const Image& image, const Image& earlier) {
  ++repeats.images;
  if (image.label != earlier.label) ++repeats.relabelled;
  const EqualPair pair{image.row, earlier.row, image.label, earlier.label};
  const auto place = std::ranges::upper_bound(repeats.first, pair.row, {}, &EqualPair::row);
  repeats.first.insert(place, pair);
  if (repeats.first.size() > kPairsShown) repeats.first.pop_back();
}

Repeats repeats_within(const std::string& name, const std::vector<Image>& images) {
  Repeats repeats{.split = name, .other = name};
  std::size_t first = 0;
  for (std::size_t i = 1; i < images.size(); ++i) {
    if (images[i].hash != images[first].hash)
      first = i;
    else
      note(repeats, images[i], images[first]);
  }
  return repeats;
}

Repeats repeats_between(const std::string& name, const std::vector<Image>& images, const std::string& other,
                        const std::vector<Image>& earlier) {
  Repeats repeats{.split = name, .other = other};
  auto at = earlier.begin();
  for (const Image& image : images) {
    while (at != earlier.end() && at->hash < image.hash) ++at;
    if (at != earlier.end() && at->hash == image.hash) note(repeats, image, *at);
  }
  return repeats;
}

std::string pairs_text(const Repeats& repeats) {
  std::string text;
  for (const EqualPair& pair : repeats.first)
    text += fmt::format("{}{} = {}{}", text.empty() ? "" : ", ", pair.row, pair.other_row,
                        pair.label == pair.other_label
                            ? ""
                            : fmt::format(" (labels {} and {})", pair.label, pair.other_label));
  return text + (repeats.images > repeats.first.size() ? ", ..." : "");
}

}  // namespace

Duplicates find_duplicates(const std::vector<SplitToHash>& splits, std::uint64_t most) {
  most = std::min<std::uint64_t>(most, std::numeric_limits<std::uint32_t>::max());
  Duplicates found;
  std::vector<std::vector<Image>> images;
  for (const SplitToHash& split : splits) {
    const DatasetColumns columns(split.data);
    images.push_back(hash_images(columns, most));
    found.splits.push_back({split.name, columns.info().samples, images.back().size()});
    found.repeats.push_back(repeats_within(split.name, images.back()));
  }
  for (std::size_t i = 0; i < splits.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      found.repeats.push_back(repeats_between(splits[i].name, images[i], splits[j].name, images[j]));
  return found;
}

void print_duplicates(const Duplicates& found, std::ostream& out) {
  fmt::print(out, "\nequal images:\n");
  for (const HashedSplit& split : found.splits)
    if (split.looked_at < split.images)
      fmt::print(out, "  of {}, the first {} of {} images were compared\n", shown_name(split.name),
                 split.looked_at, split.images);
  for (const Repeats& repeats : found.repeats) {
    const bool same = repeats.split == repeats.other;
    const std::string where =
        same ? fmt::format("occur earlier in {}", shown_name(repeats.split))
             : fmt::format("of {} occur in {}", shown_name(repeats.split), shown_name(repeats.other));
    if (repeats.images == 0) {
      fmt::print(out, "  none {}\n", where);
      continue;
    }
    fmt::print(out, "  {} {}{}; rows {}\n", repeats.images, where,
               repeats.relabelled > 0 ? fmt::format(", {} with another label", repeats.relabelled) : "",
               pairs_text(repeats));
  }
}

}  // namespace annulus::io
