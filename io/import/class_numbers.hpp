// Class numbers as a source has them, to labels and names. Internal to io/import.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace annulus::io {

/// The labels of one split, and the file that they are from.
struct SourceLabels {
  std::string place;
  std::vector<std::int32_t> labels;
};

struct ClassNumbering {
  std::vector<std::string> names;  ///< given; none: the numbers, as the source has them
  std::int32_t first_label = 0;    ///< the number of the first class in the source
};

/// Makes the labels of all splits count from 0. Says so in a warning where they seem to count from 1 and
/// `first_label` is 0.
/// @return the names of the classes
/// @throws UsageError for a name given twice, DataError for a label below the first one or without a name
std::vector<std::string> number_classes(const ClassNumbering& numbering, std::vector<SourceLabels>& splits);

}  // namespace annulus::io
