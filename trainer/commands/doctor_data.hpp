// What `annulus doctor FILE` says of datasets.
#pragma once

#include <string>
#include <vector>

#include "trainer/preflight/judgements.hpp"

namespace annulus::trainer {

struct DataFindings {
  std::vector<Finding> lines;
  bool readable = true;  ///< whether a training could read the file
};

/// Looks into a file and unpacks some of its images, as a training would.
/// @param config  whose names, shapes and classes are tried too; "" = the usual names alone
DataFindings examine_data(const std::string& path, const std::string& config);

/// The same for the many files that a config names (data.files); nothing where it names none.
DataFindings examine_files_of(const std::string& config);

}  // namespace annulus::trainer
