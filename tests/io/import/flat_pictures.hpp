// Pictures of one value that tells which they are, and where an import has put them.
#pragma once

#include <string>
#include <vector>

#include "io/hdf5/file.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::io {

/// 4 x 4 pixels of this grey.
inline std::string flat_png(std::uint8_t value) {
  return png(plain_image(4, 4, {value, value, value}), PNG_FORMAT_RGB);
}

/// The first value of each image of a split.
inline std::vector<int> values_of(const Hdf5File& file, const std::string& split) {
  const auto images = file.read<std::uint8_t>(split + "/images");
  const std::size_t rows = file.dataset(split + "/images").info().rows();
  std::vector<int> values;
  for (std::size_t row = 0; row < rows; ++row) values.push_back(images[row * images.size() / rows]);
  return values;
}

}  // namespace annulus::io
