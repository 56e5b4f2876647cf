#include "rich/detector/photodetector.hpp"

#include <algorithm>
#include <span>

namespace annulus::rich {
namespace {

constexpr double kEvNm = 1239.84198;  // h c
constexpr double kQuartzIndex = 1.46;

struct Knot {
  double at;
  double value;
};

/// Linear between knots, constant beyond them.
double interpolate(std::span<const Knot> knots, double at) {
  if (at <= knots.front().at) return knots.front().value;
  if (at >= knots.back().at) return knots.back().value;
  const auto right = std::ranges::upper_bound(knots, at, {}, &Knot::at);
  const auto left = right - 1;
  return left->value + (right->value - left->value) * (at - left->at) / (right->at - left->at);
}

// Over the photon energy, eV.
constexpr Knot kQuantumEfficiency[]{{1.8, 0},    {2.0, .02},  {2.2, .065}, {2.4, .125}, {2.6, .23},
                                    {2.8, .28},  {3.1, .33},  {3.4, .36},  {3.65, .38}, {3.9, .39},
                                    {4.15, .39}, {4.45, .35}, {4.8, .32},  {5.2, .27},  {5.65, .21},
                                    {6.2, .15},  {6.23, 0}};

// Over the wavelength, nm.
constexpr Knot kRich1Mirrors[]{{200, .40}, {215, .54},  {235, .74}, {250, .85}, {270, .92},
                               {300, .95}, {340, .957}, {390, .95}, {450, .93}, {600, .88}};
constexpr Knot kRich2Spherical[]{{200, .55}, {220, .79}, {235, .92}, {250, .96},
                                 {300, .96}, {400, .90}, {500, .81}, {600, .74}};
constexpr Knot kRich2Flat[]{{200, .55}, {220, .79}, {235, .92}, {250, .95},
                            {280, .96}, {400, .92}, {500, .86}, {600, .80}};

}  // namespace

double quantum_efficiency(double energy_ev) { return interpolate(kQuantumEfficiency, energy_ev); }

double reflectivity(RichId rich, Mirror mirror, double energy_ev) {
  const double wavelength_nm = kEvNm / energy_ev;
  if (rich == RichId::rich1) return interpolate(kRich1Mirrors, wavelength_nm);
  if (mirror == Mirror::spherical) return interpolate(kRich2Spherical, wavelength_nm);
  return interpolate(kRich2Flat, wavelength_nm);
}

double window_transmission() {
  const double amplitude = (kQuartzIndex - 1) / (kQuartzIndex + 1);
  const double surface = 1 - amplitude * amplitude;
  return surface * surface;
}

double detection_probability(RichId rich, double energy_ev) {
  return quantum_efficiency(energy_ev) * reflectivity(rich, Mirror::spherical, energy_ev) *
         reflectivity(rich, Mirror::flat, energy_ev) * window_transmission();
}

}  // namespace annulus::rich
