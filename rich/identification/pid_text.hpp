// Tables of particle identification as text: the lecture's, and the field's.
#pragma once

#include <span>
#include <string>

#include "rich/identification/pid_table.hpp"

namespace annulus::rich {

/// What a method named the tracks.
struct NamedTable {
  std::string name;
  PidTable table;
};

/// The lecture's table in its exact form and words: classes by the alphabet, how many particles truly are of
/// each ("# particles"), accuracy and loss of each,
/// percent of all tracks (rows true, columns predicted) with "purity" (which is the share of the true ones
/// that was found) and "efficiency" (the share of the predicted ones that is true), ID and MisID over the
/// predicted column. 0 stands for what cannot be calculated. Classes that never occur are left out.
std::string lecture_text(const NamedTable& method);

/// Says what the lecture's words mean.
std::string terms_of_the_lecture();

/// Methods side by side in the terms of the field: efficiency (named so / true) and purity (true / named so)
/// with binomial errors, heavy against light over true and over named tracks, overall and macro average,
/// loss, then a matrix of each. "-" stands for what cannot be calculated.
/// @pre all methods have the same classes and true tracks; at least one
std::string standard_text(std::span<const NamedTable> methods);

}  // namespace annulus::rich
