// What `annulus data info --json` says of a file.
#pragma once

#include <optional>
#include <string>

#include "io/survey/summary.hpp"

namespace annulus::trainer {

/// One line. Names are as they are in the file; what is not known is left out.
std::string json_of(const io::DatasetSummary& summary, const std::optional<io::Duplicates>& duplicates);

}  // namespace annulus::trainer
