// What the reconstruction found, as columns beside the tracks of an event file: group `reconstruction`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rich/reconstruction/reconstruction.hpp"

namespace annulus::rich {

/// One row per track, in the order of the file's tracks.
struct IdentityColumns {
  std::vector<float> dll;                ///< (6) ln L over that of the pion, in the order of Species
  std::vector<std::uint8_t> best;        ///< Species
  std::vector<std::uint8_t> seen;        ///< (RICH)
  std::vector<std::int32_t> candidates;  ///< (RICH) hits in the region of interest
  std::vector<float> expected;           ///< (RICH) photons that the best hypothesis expects
  std::vector<float> photons;            ///< (RICH) hits of its ring, by their probability to be its
  std::vector<float> theta;              ///< (RICH) their mean Cherenkov angle, rad; 0 without any

  std::size_t tracks() const { return best.size(); }
  void append(const std::vector<TrackIdentity>& identities);
  void append(const IdentityColumns& others);

  /// Calls visit(name, vector, extents of a row) for every column, always in the same order.
  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& column) {
    const std::vector<std::int64_t> scalar{};
    const std::vector<std::int64_t> per_rich{kRichCount};
    const std::vector<std::int64_t> per_species{kSpeciesCount};
    column("reconstruction/dll", self.dll, per_species);
    column("reconstruction/best", self.best, scalar);
    column("reconstruction/seen", self.seen, per_rich);
    column("reconstruction/candidates", self.candidates, per_rich);
    column("reconstruction/expected", self.expected, per_rich);
    column("reconstruction/photons", self.photons, per_rich);
    column("reconstruction/theta", self.theta, per_rich);
  }
};

/// As bytes, to be sent to a rank of the same program.
std::vector<std::byte> packed(const IdentityColumns& columns);
/// The reverse. @throws RuntimeError when the bytes are not whole
IdentityColumns unpacked_identities(std::span<const std::byte> bytes);

/// Adds the columns to a file of events, or replaces those of an earlier reconstruction. The file is complete
/// at any time: a copy is changed and takes its place.
/// @throws DataError when the file has another number of tracks, RuntimeError when it cannot be written
void write_identities(const std::string& path, const IdentityColumns& columns, LikelihoodKind kind);

/// @throws DataError when the file was not reconstructed, or its columns do not fit
IdentityColumns read_identities(const std::string& path);

}  // namespace annulus::rich
