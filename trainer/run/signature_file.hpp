// The signature of the training data in a checkpoint (group `data`) and, to be read by people and programs,
// as JSON in the run directory.
//
// Group `data`: dataset `classes`, the names as bytes, each ended by a zero byte, so that they may be many
// (an attribute ends at 64 kB) and of any encoding; absent where labels are just numbers. Datasets
// `columns/K`, K counted from 0, the same of the network's K-th vector, whose name is the attribute `vector`;
// absent where columns have no names. Attributes `pixel_type`, `rescale` and, where they were measured,
// `pixel_smallest`, `pixel_largest`, `pixel_mean`, `pixel_deviation`, before `rescale`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/dataset/signature.hpp"
#include "io/hdf5/file.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// Bytes of names that a checkpoint takes; more are not kept, which a warning says.
inline constexpr std::size_t kMostNameBytes = std::size_t{16} << 20;

void write_signature(io::Hdf5File& file, const io::DataSignature& signature);

/// @return nothing for a checkpoint of a version that noted none
/// @throws DataError when it is damaged
std::optional<io::DataSignature> read_signature(const io::Hdf5File& file);

/// Bytes that are not UTF-8 are replaced: for readers, not to be compared with.
std::string signature_json(const io::DataSignature& signature);

/// What two such texts say otherwise: keys `data.classes`, `data.columns.INPUT` and `data.pixels.FACT`; of
/// lists of names the first that differs. Nothing where one of the two is none, as that of a run by an older
/// version.
std::vector<KeyDifference> signature_differences(const std::string& one, const std::string& other);

}  // namespace annulus::trainer
