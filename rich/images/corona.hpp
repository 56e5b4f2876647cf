// Corona images: the hits around a track in polar coordinates about the image of its direction, so that its
// own ring becomes a horizontal line. Rows are Cherenkov angles from low to high, columns azimuths from -pi
// to pi; both ends of a row are neighbours.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/enum_words.hpp"
#include "rich/detector/detector.hpp"
#include "rich/detector/radiator.hpp"

namespace annulus::rich {

/// Which angles the rows of an image cover.
enum class CoronaWindow : std::uint8_t {
  fixed,   ///< the same for all tracks: 0 to 60 mrad (RICH1), 0 to 34 mrad (RICH2)
  scaled,  ///< from the ring of a proton to that of an electron at the track's momentum, with a margin
};

/// What a hit's row and column are made of.
enum class CoronaCoordinates : std::uint8_t {
  quartic,  ///< the Cherenkov angles of the photon (PhotonFinder)
  raw,      ///< distance from the centre on the plane, over Rich::image_scale, and direction there
};

/// Whose hits make the channels of an image.
enum class CoronaDetectors : std::uint8_t { rich1, rich2, both };

struct CoronaOptions {
  CoronaWindow window = CoronaWindow::scaled;
  CoronaCoordinates coordinates = CoronaCoordinates::quartic;
  CoronaDetectors detectors = CoronaDetectors::both;
  int size = 32;  ///< rows, and columns
  /// Largest count in a pixel of the image. Four: a saturated ring of one row has two hits a column on
  /// average, so that three say something; at 60 tracks per event 1 % of the occupied pixels hold more than
  /// four.
  int clip = 4;

  bool shows(RichId id) const {
    return detectors == CoronaDetectors::both ||
           (detectors == CoronaDetectors::rich1) == (id == RichId::rich1);
  }
  int channels() const { return detectors == CoronaDetectors::both ? 2 : 1; }
  /// Pixels of an image: rows, columns, channels (RICH1 before RICH2), one byte each.
  std::size_t bytes() const {
    return static_cast<std::size_t>(size) * static_cast<std::size_t>(size) *
           static_cast<std::size_t>(channels());
  }
};

/// @throws UsageError naming the option, its value and what is possible
void check_options(const CoronaOptions& options);

/// How such images are made, in the words of io::SourceInfo::form.
std::string form_of(const CoronaOptions& options);

/// What the lecture's network saw: RICH1 alone, raw radii. The lecture does not say which angles its images
/// cover; windows that follow the momentum come closer to its result (docs/rich.md).
inline constexpr CoronaOptions kLectureCorona{.window = CoronaWindow::scaled,
                                              .coordinates = CoronaCoordinates::raw,
                                              .detectors = CoronaDetectors::rich1};

/// Angles [low, high), rad.
struct AngleWindow {
  float low = 0;
  float high = 0;

  /// 0 at `low`, 1 at `high`.
  float position(float theta) const { return (theta - low) / (high - low); }
};

/// The rows of a track's image. Scaled windows reach three standard deviations of a photon (0.9 mrad in
/// RICH1, 0.55 in RICH2) below the proton's ring, or down to 0 where it has none, and as much above the
/// electron's.
/// @param momentum  measured, GeV/c, above zero
AngleWindow corona_window(const Rich& rich, const RadiatorModel& radiator, CoronaWindow window,
                          double momentum);

/// Angles of hits about a track: theta in rad; phi from -pi to pi. Equally long.
struct CoronaPoints {
  std::span<const float> theta;
  std::span<const float> phi;
};

/// One channel of an image.
struct CoronaChannel {
  std::span<std::uint8_t> pixels;  ///< (size, size, channels) of the whole image
  int channel = 0;
  const CoronaOptions& options;
};

/// Counts points into a channel, up to the clip. Points outside the window are left out.
void draw_corona(const CoronaPoints& points, const AngleWindow& window, const CoronaChannel& image);

/// How many points lie inside a window.
std::size_t count_inside(std::span<const float> theta, const AngleWindow& window);

}  // namespace annulus::rich

template <>
struct annulus::EnumWords<annulus::rich::CoronaWindow> {
  static constexpr std::array kWords{"fixed", "scaled"};
};

template <>
struct annulus::EnumWords<annulus::rich::CoronaCoordinates> {
  static constexpr std::array kWords{"quartic", "raw"};
};

template <>
struct annulus::EnumWords<annulus::rich::CoronaDetectors> {
  static constexpr std::array kWords{"rich1", "rich2", "both"};
};
