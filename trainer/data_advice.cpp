// See data_advice.hpp.
#include "trainer/data_advice.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/dataset/axes.hpp"

namespace annulus::trainer {
namespace {

/// Whether class numbers stand for names, and nobody has the first one.
bool counts_from_one(const io::SourceInfo& source) {
  return source.stored.smallest_label == 1 && !source.classes.empty() && source.classes.front() == "0";
}

std::string writer_text(const io::StoredImages& stored) {
  return stored.reversed_by.empty()
             ? ""
             : fmt::format(", written by {} with its axes in reverse", stored.reversed_by);
}

/// For vectors where images are asked for, the reverse, and vectors of another length.
void throw_flat_mismatch(const io::SourceInfo& source, const SampleShape& input) {
  const SampleShape& shape = source.shape;
  if (shape.flat && input.flat)
    throw UsageError(
        "{} holds {} values per sample, but network.input is [{}]. Set network.input to [{}], or name another dataset with data.images.",
        source.name, shape.channels, input.channels, shape.channels);
  if (shape.flat)
    throw UsageError(
        "{} holds flat vectors of shape ({}), but network.input is [{}]. Set network.input to [{}] for a network of dense layers; for convolutions store the values as images, (N, H, W, C).",
        source.name, to_string(shape), to_string(input), shape.channels);
  if (input.flat)
    throw UsageError(
        "{} holds images of shape ({}), but network.input is [{}]. Set network.input to [{}] and begin the layers with flatten.",
        source.name, to_string(shape), to_string(input), to_string(shape));
}

}  // namespace

void throw_shape_mismatch(const io::SourceInfo& source, const SampleShape& input) {
  throw_flat_mismatch(source, input);
  const io::StoredImages& stored = source.stored;
  const std::string what =
      fmt::format("{} holds images of shape ({}){}, but network.input is [{}].", source.name,
                  to_string(source.shape), writer_text(stored), to_string(input));
  if (stored.extents.empty() || stored.axes_named)
    throw UsageError(
        "{} Set network.input to the images' shape, or make the data again in the network's size.", what);
  const io::ImageAxes axes = io::axes_that_fit(stored.extents, input, !stored.reversed_by.empty());
  if (axes == io::ImageAxes::nchw)
    throw UsageError("{} They come channels first, as PyTorch keeps them: set data.axes to NCHW.", what);
  if (axes != io::ImageAxes::automatic && !stored.reversed_by.empty())
    throw UsageError("{} They fit when their axes are taken as {}: set data.axes to that.", what,
                     word_of(axes));
  if (axes != io::ImageAxes::automatic)  // whoever has exchanged two numbers in the config is as likely
    throw UsageError(
        "{} Set network.input to [{}] if the images lie as (rows, columns, channels); if the file has its axes in another order, set data.axes to {}.",
        what, to_string(source.shape), word_of(axes));
  const SampleShape& shape = source.shape;
  if (!stored.reversed_by.empty())
    throw UsageError(
        "{} Set data.axes to {} and network.input to [{}], or the axes as they were written.", what,
        word_of(io::reversed_axes(stored.extents)),
        to_string(io::shape_of_images(io::reversed_axes(stored.extents), stored.extents, source.name)));
  if (io::looks_channels_first(shape))
    throw UsageError(
        "{} They seem to come channels first, as PyTorch keeps them: set data.axes to NCHW and network.input to [{}, {}, {}].",
        what, shape.width, shape.channels, shape.height);
  throw UsageError(
      "{} Set network.input to the images' shape if they lie as (rows, columns, channels), or import the data again in the network's size.",
      what);
}

void throw_too_many_classes(const io::SourceInfo& source, std::int64_t outputs) {
  const auto classes = static_cast<std::int64_t>(source.classes.size());
  if (counts_from_one(source))
    throw UsageError(
        "{} has labels from 1 to {} and the network ends in {} outputs: label 0 never occurs, so they count from 1. Set data.first_label to 1{}.",
        source.name, classes - 1, outputs,
        classes - 1 == outputs ? "" : fmt::format(", and give the last layer {} units", classes - 1));
  throw UsageError("{} has {} classes, but the network ends in {} outputs. Give its last layer {} units.",
                   source.name, classes, outputs, classes);
}

void note_odd_training_data(const io::SourceInfo& source) {
  if (!source.stored.extents.empty() && !source.stored.axes_named && io::looks_channels_first(source.shape))
    log_info(
        "{}: images of shape ({}) are taken as {} rows of {} columns with {} channels. Should they come channels first, set data.axes to NCHW and turn network.input round.",
        source.name, to_string(source.shape), source.shape.height, source.shape.width, source.shape.channels);
  if (counts_from_one(source))
    log_info(
        "{}: label 0 never occurs, so output 0 learns nothing. Should the labels count from 1, set data.first_label to 1.",
        source.name);
}

}  // namespace annulus::trainer
