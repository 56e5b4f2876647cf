// Tracks that a network has named, as `annulus predict` writes them or as they come out of an evaluation, and
// what the file of events says of the same tracks: truth, momentum and the likelihood.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rich/events/event.hpp"
#include "rich/files/identity_file.hpp"
#include "rich/identification/pid_prior.hpp"

namespace annulus::rich {

/// One row per track.
struct NamedTracks {
  std::string source;                ///< for messages
  std::string events;                ///< path of the file that holds the images
  std::string split;                 ///< its group
  std::vector<Species> classes;      ///< of the labels and of the columns of the probabilities
  std::vector<float> probabilities;  ///< (classes)
  std::vector<std::int32_t> labels;
  std::vector<std::uint64_t> tracks;  ///< row in the columns of tracks of the file of events
  std::vector<float> momentum;        ///< measured, GeV/c

  std::size_t size() const { return labels.size(); }
  std::span<const float> row(std::size_t i) const {
    return std::span(probabilities).subspan(i * classes.size(), classes.size());
  }
};

/// @throws DataError naming source, column, row and value: no tracks, columns of other lengths, a label that
/// is not a class, a probability that is not a number in [0, 1], a momentum that is not above zero
void check_named_tracks(const NamedTracks& named);

/// Reads a file of `annulus predict`, checked.
/// @throws DataError as above, for a file of something else, without labels, of classes that are no
/// particles, or without `track` and `momentum`
NamedTracks read_named_tracks(const std::string& path);

/// What a file of events says of its tracks.
class TrackReference {
 public:
  /// @throws DataError as EventFile and read_identities; for a species or momentum that cannot be
  explicit TrackReference(const std::string& path);

  const std::string& path() const { return path_; }
  std::size_t tracks() const { return species_.size(); }
  /// Whether `annulus rich reconstruct` has been run; only then dll and best may be asked for.
  bool reconstructed() const { return identities_.has_value(); }
  std::span<const float> dll(std::uint64_t track) const {
    return std::span(identities_->dll).subspan(track * kSpeciesCount, kSpeciesCount);
  }
  Species best(std::uint64_t track) const { return static_cast<Species>(identities_->best[track]); }
  /// Whether some RICH could be used for the track's likelihood.
  bool seen(std::uint64_t track) const {
    return identities_->seen[2 * track] != 0 || identities_->seen[2 * track + 1] != 0;
  }

  /// Shares of the species by momentum in the events of the training split; in all events where a file has
  /// no such split.
  const MomentumPrior& prior() const { return prior_; }
  bool prior_is_of_training() const { return prior_is_of_training_; }

  /// @throws DataError unless every row's truth and momentum are those of its track here: predictions of
  /// another file, or of one that was simulated again, would give a table of nonsense
  void require_match(const NamedTracks& named) const;

 private:
  std::string path_;
  std::vector<std::uint8_t> species_;
  std::vector<float> momentum_;
  std::optional<IdentityColumns> identities_;
  MomentumPrior prior_;
  bool prior_is_of_training_ = true;
};

}  // namespace annulus::rich
