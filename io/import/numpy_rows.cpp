// Axes to strides, and blocks of rows by positioned reads.
#include "io/import/numpy_rows.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "io/files/unnamed_file.hpp"

namespace annulus::io {
namespace {

/// An axis as it lies in the file, from the slowest to the fastest.
struct StoredAxis {
  char letter;
  std::uint64_t extent;
};

std::vector<StoredAxis> stored_axes(const NumpyHeader& header, const std::string& axes) {
  std::vector<StoredAxis> stored;
  for (std::size_t i = 0; i < axes.size(); ++i)
    stored.push_back({axes[i], static_cast<std::uint64_t>(header.extents[i])});
  if (header.fortran) std::reverse(stored.begin(), stored.end());
  return stored;
}

}  // namespace

NumpyRows::NumpyRows(NumpyArray array, const std::string& axes, const std::string& wanted)
    : array_(std::move(array)) {
  expect_contract(axes.size() == array_.header.extents.size() && axes.find('N') != std::string::npos,
                  "every axis has a letter");
  const std::vector<StoredAxis> stored = stored_axes(array_.header, axes);
  std::uint64_t values = 1;
  bool before_rows = true;
  for (const StoredAxis& axis : stored) {
    if (axis.letter == 'N') {
      rows_ = axis.extent;
      before_rows = false;
    } else {
      values *= axis.extent;
      (before_rows ? groups_ : inner_) *= axis.extent;
    }
  }
  const auto axis_of = [&](char letter) {
    const auto found = std::find_if(stored.begin(), stored.end(),
                                    [&](const StoredAxis& axis) { return axis.letter == letter; });
    expect_contract(found != stored.end(), "a wanted axis is stored");
    return static_cast<std::size_t>(found - stored.begin());
  };
  for (std::uint64_t i = 0; i < values; ++i) {
    std::vector<std::uint64_t> index(stored.size(), 0);
    std::uint64_t rest = i;
    for (std::size_t w = wanted.size(); w-- > 0;) {
      const std::size_t axis = axis_of(wanted[w]);
      index[axis] = rest % stored[axis].extent;
      rest /= stored[axis].extent;
    }
    Place place{0, 0};
    bool grouped = true;
    for (std::size_t axis = 0; axis < stored.size(); ++axis) {
      if (stored[axis].letter == 'N') {
        grouped = false;
        continue;
      }
      std::uint64_t& offset = grouped ? place.group : place.inside;
      offset = offset * stored[axis].extent + index[axis];
    }
    places_.push_back(place);
  }
}

void NumpyRows::load(std::uint64_t row) {
  constexpr std::uint64_t kBlockBytes = 16 << 20;
  const std::uint64_t value_bytes = array_.header.type.bytes;
  const std::uint64_t row_bytes = std::max<std::uint64_t>(1, places_.size() * value_bytes);
  first_ = row;
  count_ = std::min(rows_ - row, std::max<std::uint64_t>(1, kBlockBytes / row_bytes));
  block_.resize(count_ * places_.size() * value_bytes);
  const std::uint64_t group_bytes = count_ * inner_ * value_bytes;
  for (std::uint64_t group = 0; group < groups_; ++group) {
    const std::uint64_t offset = array_.offset + (group * rows_ + first_) * inner_ * value_bytes;
    const std::string error =
        read_at(array_.file->get(), offset, std::span(block_).subspan(group * group_bytes, group_bytes));
    if (!error.empty())
      throw DataError("{}: cannot be read from row {} on ({}). Was the file changed meanwhile?", array_.place,
                      row, error);
  }
}

const std::byte* NumpyRows::value(std::uint64_t row, std::size_t i) {
  if (row < first_ || row >= first_ + count_) load(row);
  const Place& place = places_[i];
  const std::uint64_t at = (place.group * count_ + (row - first_)) * inner_ + place.inside;
  return block_.data() + at * array_.header.type.bytes;
}

}  // namespace annulus::io
