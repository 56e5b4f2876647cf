// Training rows made from events: images, features and labels of their tracks, kept apart by split, so that
// no event is in two of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/worker_pool.hpp"
#include "rich/events/event.hpp"
#include "rich/images/image_maker.hpp"

namespace annulus::rich {

/// One row per track, in the order of events.
struct ImageColumns {
  std::vector<std::vector<std::uint8_t>> images;  ///< of each kind: (N, size, size, channels)
  std::vector<float> features;                    ///< (N, kFeatures)
  std::vector<std::int32_t> labels;               ///< truth: index of the Species
  std::vector<float> momentum;                    ///< measured, GeV/c
  std::vector<std::uint64_t> track;               ///< row in the columns of tracks

  std::size_t rows() const { return labels.size(); }
};

/// By Split.
using ImagesBySplit = std::array<ImageColumns, enum_words<Split>().size()>;

/// Makes the rows of many events on the threads of a rank. Keeps its memory from call to call.
class ImageFactory {
 public:
  /// @param threads  at least 1
  ImageFactory(Preset preset, std::vector<CoronaOptions> kinds, int threads);

  const ImageMaker& maker() const { return maker_; }
  /// The rows of consecutive events: the same whatever the number of threads.
  /// @param first_track  row of the first event's first track
  /// @return valid until the next call; the caller may append to it
  ImagesBySplit& make(std::span<const Event> events, std::uint64_t first_track);

 private:
  void make_room(std::span<const Event> events, std::uint64_t first_track);

  ImageMaker maker_;
  WorkerPool pool_;
  std::vector<ImageMaker::Workspace> workspaces_;  ///< of each thread
  std::vector<std::size_t> first_row_;             ///< of each event in its split
  ImagesBySplit rows_;
};

/// As bytes, to be sent to a rank of the same program.
std::vector<std::byte> packed(const ImagesBySplit& images);
/// Appends what another rank packed.
/// @param first_track  added to its numbers of tracks, for a rank that counted them from 0
/// @throws RuntimeError when the bytes are not whole
void append_packed(std::span<const std::byte> bytes, std::uint64_t first_track, ImagesBySplit& images);

}  // namespace annulus::rich
