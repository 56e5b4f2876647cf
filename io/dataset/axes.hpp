// The order of the axes of stored images. Everything behind this file sees (N, H, W, C).
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "base/shape.hpp"
#include "io/dataset/image_axes.hpp"
#include "io/hdf5/file.hpp"

namespace annulus::io {

/// Whether images are counted by the last axis.
bool images_last(ImageAxes axes);

/// Extents with those of the images first, the others in their order: (H, W, N) becomes (N, H, W).
Extents images_first(ImageAxes axes, Extents extents);

/// The axes of one image in `axes`: for `automatic` "HWC", "HW" for three extents, "C" for two.
/// @param extents  images first   @throws DataError when their number is another one   @param place  file and
/// dataset, for messages
std::string axes_of_image(ImageAxes axes, const Extents& extents, const std::string& place);

/// (H, W, C) of images with these extents, (N, ...), or the length of flat vectors. @throws DataError as
/// above
SampleShape shape_of_images(ImageAxes axes, const Extents& extents, const std::string& place);

/// Brings images, one after another, from the order in which they are stored to (H, W, C).
class AxisOrder {
 public:
  AxisOrder() = default;
  /// @param value_bytes  1 or 4
  AxisOrder(const std::string& axes_of_image, const SampleShape& shape, std::size_t value_bytes);
  bool is_identity() const { return identity_; }
  /// @param images  whole images, changed in place
  void apply(std::span<std::byte> images) const;

 private:
  template <class Value>
  void apply(std::byte* image, std::span<Value> copy) const;

  bool identity_ = true;
  SampleShape shape_;
  std::size_t value_bytes_ = 1;
  std::array<std::int64_t, 3> strides_{};  ///< of H, W and C in a stored image
};

/// Which program wrote a dataset with its axes in reverse, as its attributes say: "MATLAB", "Octave" or "".
std::string writer_of_reversed_axes(const Hdf5File& file, const std::string& dataset);

/// What (N, ...) as a program with reversed axes writes it was before: (N, C, W, H) or (N, W, H).
ImageAxes reversed_axes(const Extents& extents);

/// Axes that make stored images fit a network's input; `automatic` when none do.
/// @param extents  (N, ...)   @param reversed  their writer stores axes in reverse
ImageAxes axes_that_fit(const Extents& extents, const SampleShape& wanted, bool reversed);

/// Whether a shape, read as (H, W, C), looks like channels first: few rows of many columns and as many
/// channels.
bool looks_channels_first(const SampleShape& shape);

}  // namespace annulus::io
