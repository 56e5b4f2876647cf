// See axes.hpp.
#include "io/dataset/axes.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.hpp"

namespace annulus::io {
namespace {

/// Extent of each axis of a stored image.
std::int64_t extent_of(char axis, const SampleShape& shape) {
  return axis == 'H' ? shape.height : axis == 'W' ? shape.width : shape.channels;
}

bool has_attribute(const Hdf5File& file, const std::string& object, const char* name) {
  return file.has_attribute(object.empty() ? "/" : object, name);
}

}  // namespace

bool images_last(ImageAxes axes) { return std::string_view(word_of(axes)).ends_with('N'); }

Extents images_first(ImageAxes axes, Extents extents) {
  if (images_last(axes) && !extents.empty()) std::ranges::rotate(extents, extents.end() - 1);
  return extents;
}

std::string axes_of_image(ImageAxes axes, const Extents& extents, const std::string& place) {
  if (axes == ImageAxes::automatic && extents.size() == 3) return "HW";
  if (axes == ImageAxes::automatic && extents.size() == 2) return "C";  // flat vectors
  std::string all = axes == ImageAxes::automatic ? "NHWC" : word_of(axes);
  if (all.size() == extents.size()) {
    std::erase(all, 'N');
    return all;
  }
  if (axes != ImageAxes::automatic && extents.size() >= 2 && extents.size() <= 4) {
    throw DataError(
        "{}: has the shape ({}), but data.axes (now {}) names {} axes. Set data.axes to auto if it is {}, or to the order of its axes.",
        place, fmt::join(extents, ", "), word_of(axes), all.size(),
        extents.size() == 4   ? "(N, H, W, C)"
        : extents.size() == 3 ? "(N, H, W)"
                              : "(N, values), flat vectors");
  }
  throw DataError(
      "{}: has the shape ({}), but images have the shape (N, H, W, C) or (N, H, W), or the axes that data.axes names{}, and flat vectors (N, values). Reshape it to the axes in which its values lie, for example with h5py (rows of CIFAR-10 are (N, C, H, W)), or name another dataset.",
      place, fmt::join(extents, ", "),
      axes == ImageAxes::automatic ? std::string() : fmt::format(" (now {})", word_of(axes)));
}

SampleShape shape_of_images(ImageAxes axes, const Extents& extents, const std::string& place) {
  SampleShape shape;
  const std::string order = axes_of_image(axes, extents, place);
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::int64_t& extent = order[i] == 'H' ? shape.height : order[i] == 'W' ? shape.width : shape.channels;
    extent = extents[i + 1];
  }
  shape.flat = order == "C";
  return shape;
}

AxisOrder::AxisOrder(const std::string& axes_of_image, const SampleShape& shape, std::size_t value_bytes)
    : identity_(axes_of_image == "HWC" || axes_of_image == "HW" || axes_of_image == "C"),
      shape_(shape),
      value_bytes_(value_bytes) {
  std::int64_t stride = 1;
  for (auto axis = axes_of_image.rbegin(); axis != axes_of_image.rend(); ++axis) {
    strides_.at(*axis == 'H' ? 0 : *axis == 'W' ? 1 : 2) = stride;
    stride *= extent_of(*axis, shape);
  }
}

template <class Value>
void AxisOrder::apply(std::byte* image, std::span<Value> copy) const {
  std::memcpy(copy.data(), image, copy.size_bytes());
  for (std::int64_t h = 0; h < shape_.height; ++h)
    for (std::int64_t w = 0; w < shape_.width; ++w)
      for (std::int64_t c = 0; c < shape_.channels; ++c, image += sizeof(Value))
        std::memcpy(image,
                    &copy[static_cast<std::size_t>(h * strides_[0] + w * strides_[1] + c * strides_[2])],
                    sizeof(Value));
}

void AxisOrder::apply(std::span<std::byte> images) const {
  if (identity_) return;
  const auto values = static_cast<std::size_t>(shape_.size());
  std::vector<std::uint8_t> bytes(value_bytes_ == 1 ? values : 0);
  std::vector<float> floats(value_bytes_ == 1 ? 0 : values);
  for (std::size_t at = 0; at + values * value_bytes_ <= images.size(); at += values * value_bytes_)
    if (value_bytes_ == 1)
      apply(images.data() + at, std::span(bytes));
    else
      apply(images.data() + at, std::span(floats));
}

std::string writer_of_reversed_axes(const Hdf5File& file, const std::string& dataset) {
  // MATLAB's `save -v7.3` marks every array; h5write, whose users turn the axes themselves, does not.
  // Octave's `save -hdf5` marks the group in which it puts the array as `value`.
  if (has_attribute(file, dataset, "MATLAB_class")) return "MATLAB";
  const std::size_t slash = dataset.find_last_of('/');
  if (slash == std::string::npos || dataset.substr(slash) != "/value") return {};
  return has_attribute(file, dataset.substr(0, slash), "OCTAVE_NEW_FORMAT") ? "Octave" : "";
}

ImageAxes reversed_axes(const Extents& extents) {
  return extents.size() == 3 ? ImageAxes::nwh : ImageAxes::ncwh;
}

ImageAxes axes_that_fit(const Extents& extents, const SampleShape& wanted, bool reversed) {
  constexpr std::array kUsual{ImageAxes::nchw, ImageAxes::ncwh, ImageAxes::nwhc,
                              ImageAxes::nhcw, ImageAxes::nwch, ImageAxes::nwh};
  std::vector<ImageAxes> likely(kUsual.begin(), kUsual.end());
  if (reversed) likely.insert(likely.begin(), reversed_axes(extents));
  for (const ImageAxes axes : likely)
    if (std::string_view(word_of(axes)).size() == extents.size() &&
        shape_of_images(axes, extents, "") == wanted)
      return axes;
  return ImageAxes::automatic;
}

bool looks_channels_first(const SampleShape& shape) {
  constexpr std::int64_t kFew = 4;
  constexpr std::int64_t kMany = 8;
  return shape.height <= kFew && shape.width >= kMany && shape.width == shape.channels;
}

}  // namespace annulus::io
