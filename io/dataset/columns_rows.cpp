// Rows of a split: pixels and vectors as they are stored become those of a sample.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "io/dataset/columns.hpp"
#include "io/dataset/pixels.hpp"

namespace annulus::io {

/// Index of the first value that is not to be given out, or size().
std::size_t DatasetColumns::first_refused(std::span<const float> values) const {
  if (not_finite_ == NotFinite::keep) return values.size();
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  return static_cast<std::size_t>(bad - values.begin());
}

void DatasetColumns::read_vectors(std::uint64_t first, std::uint64_t count, std::span<float> vectors) const {
  std::vector<float> column;
  std::size_t offset = 0;
  for (const Vector& vector : vectors_) {
    column.resize(count * vector.length);
    read_floats(vector.dataset, first, count, column, Inexact::round);
    const std::size_t place = first_refused(column);
    if (place < column.size()) {
      throw DataError(
          "{}, {}: row {} holds the value {} (value {} of the row), which would spread through the whole network. Mend or drop that row.",
          path_, vector.name, first + place / vector.length, column[place], place % vector.length);
    }
    for (std::uint64_t row = 0; row < count; ++row)
      std::copy_n(column.data() + row * vector.length, vector.length,
                  vectors.data() + row * vector_floats_ + offset);
    offset += vector.length;
  }
}

void DatasetColumns::read_pixels(std::uint64_t first, std::uint64_t count,
                                 std::span<std::byte> pixels) const {
  if (images_last_)
    read_images_last(first, count, pixels);
  else if (info_.pixels == PixelType::uint8)
    images_.read_rows(first, count, pixels);
  else
    read_floats(images_, first, count,
                {reinterpret_cast<float*>(pixels.data()), pixels.size() / sizeof(float)}, Inexact::refuse);
  finish_pixels(first, pixels);
}

/// Goes through the dataset along its first axis, and takes from each line of images the wanted ones.
/// @return bytes of the file
std::uint64_t DatasetColumns::read_images_last(std::uint64_t first, std::uint64_t count,
                                               std::span<std::byte> pixels) const {
  const std::size_t bytes = size_of(info_.pixels);
  const std::uint64_t all = images().rows(), slices = images_.info().rows();
  const std::uint64_t lines = row_bytes_ / bytes / slices;  // of a slice: a value of every image each
  std::vector<std::byte> slice(lines * all * bytes);
  for (std::uint64_t k = 0; k < slices; ++k) {
    if (info_.pixels == PixelType::uint8)
      images_.read_rows(k, 1, std::span(slice));
    else
      read_floats(images_, k, 1, {reinterpret_cast<float*>(slice.data()), slice.size() / bytes},
                  Inexact::refuse);
    for (std::uint64_t line = 0; line < lines; ++line)
      for (std::uint64_t i = 0; i < count; ++i)
        std::memcpy(pixels.data() + i * row_bytes_ + (k * lines + line) * bytes,
                    slice.data() + (line * all + first + i) * bytes, bytes);
  }
  return images_.info().stored_bytes;
}

/// Brings rows as they are stored to (H, W, C), and looks at their values.
void DatasetColumns::finish_pixels(std::uint64_t first, std::span<std::byte> pixels) const {
  order_.apply(pixels);
  if (info_.pixels == PixelType::uint8) return;
  const std::span<const float> values{reinterpret_cast<const float*>(pixels.data()),
                                      pixels.size() / sizeof(float)};
  const std::size_t offset = first_refused(values);
  if (offset == values.size()) return;
  throw DataError(
      "{}, {}: row {} holds the value {} (value {} of the row), which would spread through the whole network. Mend or drop that row.",
      path_, images_name_, first + offset / (row_bytes_ / sizeof(float)), values[offset],
      offset % (row_bytes_ / sizeof(float)));
}

std::uint64_t DatasetColumns::read_pieces(std::span<const Piece> pieces) const {
  std::uint64_t bytes = 0;
  if (images_last_) {
    for (const Piece& piece : pieces) {
      bytes += read_images_last(piece.first, piece.count, piece.pixels);
      finish_pixels(piece.first, piece.pixels);
    }
  } else if (is_stored_so(images_.info().type, info_.pixels)) {
    std::vector<RowPiece> rows;
    for (const Piece& piece : pieces) rows.push_back({piece.first, piece.count, piece.pixels.data()});
    bytes = images_.read_pieces(info_.pixels == PixelType::uint8 ? ElementType::uint8 : ElementType::float32,
                                rows);
    for (const Piece& piece : pieces) finish_pixels(piece.first, piece.pixels);
  } else {
    for (const Piece& piece : pieces) {
      read_pixels(piece.first, piece.count, piece.pixels);
      bytes += stored_bytes_of(images_.info(), piece.first, piece.count);
    }
  }
  for (const Piece& piece : pieces) {
    read_vectors(piece.first, piece.count, piece.vectors);
    for (const Vector& vector : vectors_)
      bytes += stored_bytes_of(vector.dataset.info(), piece.first, piece.count);
  }
  return bytes;
}

std::uint64_t DatasetColumns::stored_bytes() const {
  std::uint64_t bytes = stored_bytes_of(images(), 0, info_.samples);
  for (const Vector& vector : vectors_) bytes += stored_bytes_of(vector.dataset.info(), 0, info_.samples);
  return bytes;
}

}  // namespace annulus::io
