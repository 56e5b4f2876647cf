// The picture of an event: both panels of both RICHes above; below, the surroundings of the chosen track's
// rings and its corona images.
#pragma once

#include <string>

#include "io/pictures/gnuplot.hpp"
#include "rich/images/event_display.hpp"

namespace annulus::rich {

/// @param title  a line above it; nothing in it has a meaning
io::Gnuplot picture_of(const EventDisplay& display, const std::string& title);

}  // namespace annulus::rich
