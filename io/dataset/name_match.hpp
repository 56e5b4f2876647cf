// Which label and which column of other data is which of the model's, found by name. Internal to io/dataset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/dataset/matched_source.hpp"

namespace annulus::io {

inline constexpr std::int32_t kNoClass = -1;

/// What becomes of each label of a source.
struct ClassMap {
  std::vector<std::int32_t> labels;  ///< of the model, or kNoClass; none: every label stays
  std::vector<std::string> names;    ///< of the classes then
  bool named = true;                 ///< whether these are names rather than numbers
};

/// @param notes  gets a sentence where labels are moved, or names cannot be compared
/// @throws DataError naming classes with samples that the model does not know, and names that stand twice
ClassMap match_classes(const SampleSource& source, const DataSignature& model, const MatchOptions& options,
                       std::vector<std::string>& notes);

/// For each column that the model reads, where it stands in the source's row; none: all as they stand.
using ColumnMap = std::vector<std::size_t>;

/// The columns of the source's k-th vector. @throws DataError naming columns that are missing
ColumnMap match_columns(const SourceInfo& info, std::size_t k, const VectorNames& model,
                        std::vector<std::string>& notes);

/// The values of flat samples, likewise. @param model  their names in training; none: not known
ColumnMap match_values(const SourceInfo& info, const std::vector<std::string>& model,
                       std::vector<std::string>& notes);

}  // namespace annulus::io
