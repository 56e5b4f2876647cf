// Curves as pictures: one plot per bin of momentum, one line per method; and separation against momentum.
#pragma once

#include "io/pictures/gnuplot.hpp"
#include "rich/identification/curve_set.hpp"

namespace annulus::rich {

/// Efficiency for kaons against misidentified pions.
io::Gnuplot kaon_pion_picture(const CurveSet& set);
/// Kaons and pions named heavy.
io::Gnuplot heavy_light_picture(const CurveSet& set);
/// Separation of kaons and pions in standard deviations.
io::Gnuplot separation_picture(const CurveSet& set);

}  // namespace annulus::rich
