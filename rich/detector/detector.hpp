// The two RICH detectors of an LHCb-like spectrometer as plain data: radiator gas, spherical and flat mirror,
// photodetector panel with its tubes and pixels. Everything else in this room works from it.
//
// Units throughout the room: mm, GeV/c, eV, rad. Laboratory frame: z along the beam, y up, origin at the
// collision point. Constants: LHCb detector description, Run 3 (2024-v00.00), rounded where said.
//
// A RICH has two halves (RICH1 above and below the beam, RICH2 on either side of it) that are mirror images.
// Only the positive half is described; points and directions of the other are folded onto it (`fold`), which
// flips the sign of y (RICH1) or x (RICH2).
//
// In: the name of a preset.
// Out: geometry, channels and materials, all known when the program is built.
// Invariant: plain data that nobody changes; a channel number means the same pixel in files, simulation and
// reconstruction.
// Next: rich/detector/optics.hpp (what light does in it), radiator.hpp (how much light),
// rich/events/event.hpp (what it sees).
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/enum_words.hpp"
#include "rich/detector/gas.hpp"
#include "rich/detector/vector3.hpp"

namespace annulus::rich {

enum class RichId : std::uint8_t { rich1, rich2 };
inline constexpr std::size_t kRichCount = 2;
inline constexpr std::array<RichId, kRichCount> kRiches{RichId::rich1, RichId::rich2};
constexpr std::size_t index_of(RichId id) { return static_cast<std::size_t>(id); }

/// Which half of a RICH: the one at positive y (RICH1) or x (RICH2), or its mirror image.
enum class Half : std::uint8_t { positive, negative };

/// Photodetectors: `run3` are multi-anode tubes; `hpd` emulates yield and resolution of Run 1 and 2.
enum class Preset : std::uint8_t { run3, hpd };

struct Plane {
  Vector3 point;
  Vector3 normal;  ///< unit
};

/// A rectangle of equal tubes on a panel. Tubes stand shoulder to shoulder; light that falls on the rim
/// around the active square of a tube is lost.
struct TubeBlock {
  double low_u = 0;
  double low_v = 0;
  double pitch_u = 0;
  double pitch_v = 0;
  std::uint32_t columns = 0;      ///< tubes along u
  std::uint32_t rows = 0;         ///< tubes along v
  double active = 0;              ///< width of the active square of a tube
  std::uint32_t pixels = 0;       ///< pixels along a side of it
  std::uint32_t cut_columns = 0;  ///< tubes missing in each corner, along u
  std::uint32_t cut_rows = 0;     ///< and along v
  std::uint32_t first_channel = 0;

  double high_u() const { return low_u + columns * pitch_u; }
  double high_v() const { return low_v + rows * pitch_v; }
  double pixel_size() const { return active / pixels; }
  /// Active share of the area of a tube.
  double fill() const { return active * active / (pitch_u * pitch_v); }
  std::uint32_t channels() const { return columns * rows * pixels * pixels; }
};

struct PanelPoint {
  double u = 0;
  double v = 0;
};

/// The photocathodes of one half. Local coordinates: u along the row of tubes, v across, origin at `centre`.
struct Panel {
  Vector3 centre;
  Vector3 normal;
  Vector3 axis_u;
  Vector3 axis_v;
  double half_u = 0;  ///< live area is |u| < half_u, |v| < half_v
  double half_v = 0;
  std::vector<TubeBlock> blocks;

  PanelPoint local(const Vector3& point) const {
    return {dot(point - centre, axis_u), dot(point - centre, axis_v)};
  }
  Vector3 global(const PanelPoint& at) const { return centre + at.u * axis_u + at.v * axis_v; }

  std::uint32_t channels() const;
  /// The block of tubes at a point, or nullptr beyond the live area. Rims count as inside.
  const TubeBlock* block_at(const PanelPoint& at) const;
  /// The pixel at a point: channel number in [0, channels()); nothing beyond the live area, in the rim of a
  /// tube or where a corner has no tubes.
  std::optional<std::uint32_t> channel_at(const PanelPoint& at) const;
  /// Centre of a pixel. @pre channel < channels()
  PanelPoint pixel_centre(std::uint32_t channel) const;
  /// Whether there is a tube: corners have numbers, but none. @pre channel < channels()
  bool is_live(std::uint32_t channel) const;
  /// Area of a pixel, mm^2. @pre channel < channels()
  double pixel_area(std::uint32_t channel) const;
};

/// Directions in which tracks count as inside: horizontal and vertical slope below the limits, polar angle
/// above that of the beam pipe.
struct Acceptance {
  double lowest = 0;
  double horizontal = 0;
  double vertical = 0;
};

struct Rich {
  RichId id = RichId::rich1;
  std::string_view name;
  Gas gas;
  Acceptance acceptance;
  double entry_z = 0;  ///< where the gas begins

  double mirror_radius = 0;  ///< of the spherical mirror
  Vector3 mirror_centre;     ///< its centre of curvature, positive half
  Plane flat_mirror;         ///< positive half
  Panel panel;               ///< positive half

  double efficiency = 1;        ///< what remains after mirrors, window, quantum efficiency and dead area
  double blur = 0;              ///< extra angular smear of a photon, rad in each direction (preset hpd)
  double image_scale = 0;       ///< radius on the plane over Cherenkov angle, mm/rad
  double photon_sigma = 0;      ///< single-photon resolution without track errors, rad
  double direction_sigma = 0;   ///< error of a track's slope here, rad, at high momentum ...
  double scattering_sigma = 0;  ///< ... plus (in quadrature) this over p, rad GeV/c

  /// Error of a track's slopes here, rad. @param momentum  GeV/c
  double direction_error(double momentum) const {
    return std::hypot(direction_sigma, scattering_sigma / momentum);
  }
  /// Channels of both halves. The negative half's follow those of the positive.
  std::uint32_t channels() const { return 2 * panel.channels(); }
  std::uint32_t channel_of(Half half, std::uint32_t panel_channel) const {
    return panel_channel + (half == Half::negative ? panel.channels() : 0);
  }
  Half half_of_channel(std::uint32_t channel) const {
    return channel < panel.channels() ? Half::positive : Half::negative;
  }
  std::uint32_t panel_channel(std::uint32_t channel) const {
    return channel < panel.channels() ? channel : channel - panel.channels();
  }

  /// The half on whose side a point lies.
  Half half_at(const Vector3& point) const {
    return (id == RichId::rich1 ? point.y : point.x) < 0 ? Half::negative : Half::positive;
  }
  /// Laboratory frame to the frame of the described half and back: its own inverse.
  Vector3 fold(Half half, const Vector3& a) const {
    if (half == Half::positive) return a;
    return id == RichId::rich1 ? Vector3{a.x, -a.y, a.z} : Vector3{-a.x, a.y, a.z};
  }
  /// Centre of a pixel in the laboratory frame. @pre channel < channels()
  Vector3 pixel_position(std::uint32_t channel) const {
    return fold(half_of_channel(channel), panel.global(panel.pixel_centre(panel_channel(channel))));
  }
};

/// The magnet between the RICHes as one kink.
struct Magnet {
  double z = 5200;
  double kick = 1.2;  ///< change of the horizontal slope of a track of charge 1 times its momentum, GeV/c
};

struct Detector {
  Preset preset = Preset::run3;
  std::array<Rich, kRichCount> riches;
  Magnet magnet;
  const Rich& operator[](RichId id) const { return riches[index_of(id)]; }
};

Detector make_detector(Preset preset);

/// @throws UsageError naming the presets there are
Preset preset_named(const std::string& name);

}  // namespace annulus::rich

template <>
struct annulus::EnumWords<annulus::rich::Preset> {
  static constexpr std::array kWords{"run3", "hpd"};
};
