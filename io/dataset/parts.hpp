// A data set in several files ("parts"): what they are called, which rows each holds, and whether all are
// there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/hdf5/file.hpp"

namespace annulus::io {

/// Which of how many parts a file is, counted from 0: root attributes `part` and `parts`. A data set in one
/// file has neither.
struct Part {
  std::uint64_t number = 0;
  std::uint64_t count = 1;
  bool operator==(const Part&) const = default;
};

/// How a data set is cut into files.
struct Sharding {
  std::uint64_t files = 0;       ///< that many
  std::uint64_t file_bytes = 0;  ///< or as many as keep each near this size
  /// Neither: one file, under the output's own name.
  bool wanted() const { return files > 0 || file_bytes > 0; }
};

/// Most files of one data set: their numbers have five digits.
inline constexpr std::uint64_t kMostParts = 100'000;

/// Rows [first, first + count) of a split.
struct PartRows {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

/// The rows of a part: one run, and all runs equally long, give or take one. The parts one after another are
/// the split.
PartRows rows_of_part(std::uint64_t rows, const Part& part);

/// photos.h5, part 3 of 8: photos-00003-of-00008.h5. In the order of names parts stand in that of rows.
std::string part_path(const std::string& output, const Part& part);

/// The pattern that means all parts of an output: photos-*.h5.
std::string parts_pattern(const std::string& output);

/// A path that was named so.
struct NamedPart {
  std::string output;  ///< photos.h5
  Part part;
};
/// @return nothing for other names
std::optional<NamedPart> named_part(const std::string& path);

/// All parts that lie beside an output, of any count, sorted.
std::vector<std::string> parts_beside(const std::string& output);

/// Parts of other counts that lie beside an output, sorted: with a pattern a reader would take them for parts
/// of this one.
std::vector<std::string> stale_parts(const std::string& output, std::uint64_t count);

/// Looks at files that are to be read as one data set, by their names: half a set must not be taken for the
/// whole.
/// @return "", or a sentence that names what is missing of a set, or that parts of two sets are mixed
std::string missing_parts(const std::vector<std::string>& paths);

/// What a file says that it is. @throws DataError when its attributes make no sense
Part part_of(const Hdf5File& file);

}  // namespace annulus::io
