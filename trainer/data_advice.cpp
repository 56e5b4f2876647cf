// See data_advice.hpp.
#include "trainer/data_advice.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "io/dataset/axes.hpp"
#include "io/dataset/doubled_name.hpp"

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

/// The first label and the first name may not belong together.
std::string names_from_zero_text(const io::SourceInfo& source) {
  if (source.numbered || source.classes.empty() || source.stored.smallest_label < 1) return "";
  return fmt::format(
      " With data.first_label=1 the first name, {}, belongs to label 1: drop data.first_label if it belongs to label 0.",
      shown_name(source.classes.front()));
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

/// Another order of the axes in which stored images fit; `automatic` when there is none.
io::ImageAxes fitting_axes(const io::StoredImages& stored, const SampleShape& input) {
  if (stored.extents.size() != 3 && stored.extents.size() != 4) return io::ImageAxes::automatic;
  if (input.flat) return io::ImageAxes::automatic;
  const io::ImageAxes usual = stored.extents.size() == 3 ? io::ImageAxes::nhw : io::ImageAxes::nhwc;
  if (io::shape_of_images(usual, stored.extents, "") == input) return usual;
  return io::axes_that_fit(stored.extents, input, !stored.reversed_by.empty());
}

/// For images that pieces of the network's size can be cut out of.
std::string crop_text(const SampleShape& shape, const SampleShape& input) {
  const bool larger =
      shape.channels == input.channels && shape.height >= input.height && shape.width >= input.width;
  return larger ? "; augmentation.crop cuts pieces of that size out of larger images" : "";
}

/// Weights fit one shape alone.
[[noreturn]] void throw_other_than_model(const io::SourceInfo& source, const SampleShape& input) {
  const auto text = [](const SampleShape& shape) {
    return shape.flat ? fmt::format("flat vectors of {} values", shape.channels)
                      : fmt::format("images of shape ({})", to_string(shape));
  };
  const std::string what = fmt::format("{} holds {}{}, but the model takes {}.", source.name,
                                       text(source.shape), writer_text(source.stored), text(input));
  const io::ImageAxes axes = fitting_axes(source.stored, input);
  if (axes != io::ImageAxes::automatic)
    throw UsageError("{} They fit when their axes are taken as {}: set data.axes={}.", what, word_of(axes),
                     word_of(axes));
  throw UsageError(
      "{} Name its data with data.path and data.images, or make these again in the shape that it takes.",
      what);
}

}  // namespace

void throw_shape_mismatch(const io::SourceInfo& source, const SampleShape& input, NetworkState network) {
  if (network == NetworkState::trained) throw_other_than_model(source, input);
  throw_flat_mismatch(source, input);
  const io::StoredImages& stored = source.stored;
  const std::string what =
      fmt::format("{} holds images of shape ({}){}, but network.input is [{}].", source.name,
                  to_string(source.shape), writer_text(stored), to_string(input));
  if (const io::ImageAxes other = fitting_axes(stored, input);
      stored.axes_named && other != io::ImageAxes::automatic)
    throw UsageError(
        "{} They fit when their axes are taken as {}: set data.axes to that, or network.input to [{}] if the axes are named rightly.",
        what, word_of(other), to_string(source.shape));
  if (stored.extents.empty() || stored.axes_named)
    throw UsageError(
        "{} Set network.input to the images' shape, or make the data again in the network's size{}.", what,
        crop_text(source.shape, input));
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
      "{} Set network.input to the images' shape if they lie as (rows, columns, channels), or import the data again in the network's size{}.",
      what, crop_text(shape, input));
}

void throw_too_many_classes(const io::SourceInfo& source, std::int64_t outputs) {
  const auto classes = static_cast<std::int64_t>(source.classes.size());
  if (counts_from_one(source))
    throw UsageError(
        "{} has labels from 1 to {} and the network ends in {} outputs: label 0 never occurs, so they count from 1. Set data.first_label to 1{}.",
        source.name, classes - 1, outputs,
        classes - 1 == outputs ? "" : fmt::format(", and give the last layer {} units", classes - 1));
  throw UsageError("{} has {} classes, but the network ends in {} outputs. Give its last layer {} units.{}",
                   source.name, classes, outputs, classes, names_from_zero_text(source));
}

std::string doubled_classes(const io::SourceInfo& source) {
  const auto doubled = source.numbered ? std::nullopt : io::doubled_name(source.classes);
  if (!doubled) return "";
  return fmt::format(
      "{}: the class {}. The two are told apart by their numbers alone: no other file can be compared with these names. Give each class a name of its own (attribute `classes`), or, if they are one, write one label for both.",
      source.name, io::doubled_text(source.classes, *doubled));
}

std::string nothing_to_learn(const Network& network) {
  for (const Layer& layer : network.layers)
    for (const Parameter& parameter : layer.parameters)
      if (parameter.trainable && parameter.fixed.empty()) return "";
  return fmt::format(
      "network: {}, so there is nothing to learn: training leaves the model as it is. Leave out the `weights` of a layer that shall learn, or add a layer that has some (dense, conv2d).",
      parameter_count(network) > 0 ? "all weights are fixed" : "no layer has weights");
}

std::string evaluation_scale(const io::AugmentationOptions& augmentation, const io::SourceInfo& source) {
  if (augmentation.crop != io::Crop::random_resized || augmentation.crop_resize != 0) return "";
  constexpr double kUsual = 256.0 / 224.0;  // shorter side to piece, as ImageNet is judged
  const auto piece = static_cast<double>(std::max(augmentation.crop_height, augmentation.crop_width));
  const std::int64_t shorter = std::min(source.shape.height, source.shape.width);
  if (static_cast<double>(shorter) <= 1.25 * kUsual * piece) return "";
  return fmt::format(
      "{}: with augmentation.crop = random_resized a training sees windows of {} x {} pixels reduced to {} x {}, but evaluations see the middle {} x {} pixels as they are stored: a smaller part, at a larger scale. Set augmentation.crop_resize, e.g. to {}, the shorter side to which images are resized before the middle is taken.",
      source.name, source.shape.height, source.shape.width, augmentation.crop_height, augmentation.crop_width,
      augmentation.crop_height, augmentation.crop_width, std::lround(kUsual * piece));
}

std::string shared_reading(const io::SourceInfo& source, const io::SamplerOptions& order, int ranks) {
  if (!order.shuffle || order.chunk == 1 || order.streams >= ranks) return "";
  const std::uint64_t chunk_bytes = source.chunk * io::sample_bytes(source);
  const auto needed = (static_cast<std::uint64_t>(order.shards) * chunk_bytes + (1 << 20) - 1) >> 20;
  return fmt::format(
      "{}: data.window_mb holds {} chunk(s) of {:.1f} MB for {} shards, so {} ranks share the reading of each part of the file: what is read is {} times the data. data.window_mb={} gives every shard its own part (in a new run: it changes the order of the samples).",
      source.name, order.window_chunks, static_cast<double>(chunk_bytes) / 1e6, order.shards,
      ranks / order.streams, ranks / order.streams, needed);
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
