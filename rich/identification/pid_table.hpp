// How well a method names particles: counts of true against predicted species, and every figure that is made
// of them, in the terms of the field and in those of the lecture. Formatting is in
// rich/identification/pid_text.hpp.
//
// In: true and predicted species of tracks, probabilities where a method has them.
// Out: counts, and from them efficiencies, purities and errors.
// Invariant: all methods are counted on the same tracks and under the same prior: that is what a comparison
// is.
// Next: named_tracks.hpp (where the tracks come from), pid_comparison.hpp (network against likelihood),
// pid_curves.hpp, pid_text.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rich/detector/particle.hpp"

namespace annulus::rich {

/// A counted share of tracks.
struct Share {
  std::uint64_t part = 0;
  std::uint64_t whole = 0;

  bool exists() const { return whole > 0; }
  /// 0 when there was nothing to count.
  double value() const;
  /// Binomial error sqrt(f (1 - f) / n); 0 when there was nothing to count.
  double error() const;
};

/// Kaons, protons and deuterons are heavy; electrons, muons and pions light.
enum class MassGroup : std::uint8_t { light, heavy };
constexpr MassGroup group_of(Species species) {
  return species < Species::kaon ? MassGroup::light : MassGroup::heavy;
}

/// The species that class names mean, in their order.
/// @param where  who names them, for the message
/// @throws DataError when a name is not a species, or comes twice
std::vector<Species> species_of_classes(const std::vector<std::string>& classes, const std::string& where);

class PidTable {
 public:
  /// @param classes  species that can be true or predicted, in the order of rows and columns, none twice
  explicit PidTable(std::vector<Species> classes);

  /// Counts a track by its most probable class (the first of equal ones); it adds -ln p(truth) to the loss.
  /// @param truth  class number   @param probabilities  one per class; they need not add up to 1
  void add(std::size_t truth, std::span<const double> probabilities);
  /// Counts tracks that a method named without probabilities: then there is no loss.
  void add(std::size_t truth, std::size_t predicted, std::uint64_t tracks = 1);

  const std::vector<Species>& classes() const { return classes_; }
  std::size_t size() const { return classes_.size(); }
  std::uint64_t count(std::size_t truth, std::size_t predicted) const {
    return counts_[truth * size() + predicted];
  }
  std::uint64_t tracks() const { return tracks_; }
  /// Whether a class is true or predicted for any track.
  bool occurs(std::size_t index) const;

  /// Of the tracks that are this class, those named so. The lecture calls it accuracy, and "purity".
  Share efficiency(std::size_t index) const;
  /// Of the tracks named this class, those that are it. The lecture calls it "efficiency".
  Share purity(std::size_t index) const;
  /// Tracks of one field of the matrix, of all.
  Share field(std::size_t truth, std::size_t predicted) const;
  Share overall() const;
  /// Mean efficiency of the classes that have tracks: every species counts the same. 0 without tracks.
  double macro_average() const;

  /// Of the true tracks of a species, those named as any species of a group.
  Share named_as(Species truth, MassGroup group) const;
  /// Of the tracks named as a species, those that truly belong to a group: the lecture's ID and MisID.
  Share made_of(Species predicted, MassGroup group) const;

  /// Mean of -ln p(truth) over the tracks of a class, or over all; nothing when tracks came without
  /// probabilities, or there are none.
  std::optional<double> loss(std::size_t index) const;
  std::optional<double> loss() const;

 private:
  std::optional<std::size_t> index_of_class(Species species) const;

  std::vector<Species> classes_;
  std::vector<std::uint64_t> counts_;     ///< (truth, predicted)
  std::vector<double> losses_;            ///< sums, of each true class
  std::vector<std::uint64_t> with_loss_;  ///< tracks that are in them
  std::uint64_t tracks_ = 0;
};

}  // namespace annulus::rich
