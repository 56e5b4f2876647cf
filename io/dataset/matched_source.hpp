// Samples of other data, as a model takes them that was trained on its own: labels are numbered and columns
// ordered as there, by their names.
//
// In: a source, and the signature of the data that the model was trained on.
// Out: a source whose labels, class names and columns are the model's.
// Invariant: a sample keeps its class and its values, whatever the numbers of the one and the order of the
// others; what has no counterpart is refused by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/dataset/signature.hpp"

namespace annulus::io {

/// What is not compared by name, because the user says so or because it does not count.
struct MatchOptions {
  bool labelled = true;            ///< false: labels do not count, only the names of the model's classes do
  bool classes_by_number = false;  ///< a label is the number of an output, whatever the names say
  bool columns_by_place = false;   ///< columns are taken as they stand
  bool any_form = false;           ///< images may have been made otherwise
  std::int64_t outputs = 0;        ///< of the model; 0: not known
  std::int64_t first_label = 0;    ///< number of the first class in files
};

struct MatchedSource {
  std::unique_ptr<SampleSource> source;  ///< the given one where nothing has to be mapped
  std::vector<std::string> notes;        ///< sentences about what was mapped, or could not be compared
};

/// Maps by name where the names of the source are a permutation or a part of the model's (or the other way
/// round: columns and unused classes that the model does not know are left out). Where one of the two has no
/// names, numbers and places count, which a note says.
/// @throws DataError naming classes with samples, or columns, that have no counterpart, and images that were
/// made otherwise
MatchedSource match_source(std::unique_ptr<SampleSource> source, const DataSignature& model,
                           const MatchOptions& options);

}  // namespace annulus::io
