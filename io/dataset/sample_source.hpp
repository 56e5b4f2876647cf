// Where samples come from: an HDF5 dataset, or a simulation that never ends. The loader knows only this
// interface.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/shape.hpp"

namespace annulus::io {

enum class PixelType { uint8, float32 };

/// Bytes of one value.
constexpr std::size_t size_of(PixelType type) { return type == PixelType::uint8 ? 1 : 4; }

/// Attributes of a dataset of images that say how its pixels were made: what one shows, under one shape, in
/// one file and another (rich/files/image_file.hpp).
inline constexpr std::array kFormAttributes{"window", "coordinates", "detectors", "clip"};

/// What a source holds; the same on every rank.
struct SourceInfo {
  std::string name;           ///< for messages, e.g. "cifar10.h5:train"
  std::uint64_t samples = 0;  ///< N
  SampleShape shape;          ///< (H, W, C) of an image
  PixelType pixels = PixelType::uint8;
  std::vector<std::string> classes;  ///< names, index = label
  std::uint64_t chunk = 1;  ///< samples stored together; the shuffle keeps chunks together when chunk > 1
  bool resident = false;    ///< reading is a memory copy
  std::vector<NamedVector> vectors = {};  ///< float values beside the image of every sample
  /// Every epoch has samples of its own, already mixed: position p of epoch e is sample e * samples + p.
  bool endless = false;
  bool numbered = false;  ///< the data name no classes: `classes` are the numbers of the labels
  /// Names of the columns of each of `vectors`, as far as the data have them: as many as its length, or none.
  std::vector<std::vector<std::string>> columns = {};
  /// How the images were made, where that is known: "window scaled, clip 4" (kFormAttributes).
  std::string form = {};
};

/// Bytes of one sample, its label aside.
inline std::uint64_t sample_bytes(const SourceInfo& info) {
  return static_cast<std::uint64_t>(info.shape.size()) * size_of(info.pixels) +
         static_cast<std::uint64_t>(total_length(info.vectors)) * sizeof(float);
}

/// Where samples are read to; n = their number.
struct SampleBuffers {
  std::span<std::byte> pixels;     ///< (n, H, W, C) of SourceInfo::pixels, channels last
  std::span<std::int32_t> labels;  ///< (n)
  std::span<float> vectors = {};   ///< (n, total_length(SourceInfo::vectors)); empty where nobody wants them
};

/// Reads samples by number. `read` is called from one thread at a time (the loader's I/O thread).
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual const SourceInfo& info() const = 0;
  /// Labels of all samples, where they are in memory anyway; else nothing.
  virtual std::span<const std::int32_t> all_labels() const { return {}; }
  /// Reads samples by number, below SourceInfo::samples unless the source is endless.
  /// @throws DataError naming file, dataset and row
  virtual void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) = 0;
};

}  // namespace annulus::io
