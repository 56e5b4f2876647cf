// Simulated events in HDF5: groups `events`, `tracks`, `rich1_hits` and `rich2_hits` of columns, see
// EventColumns, and the options of the simulation as root attributes.
//
// In: events as columns.
// Out: the same columns, any stretch of events.
// Invariant: a file is complete or absent, and no column of it is believed before it has been checked
// against the others.
// Next: image_file.hpp (training rows beside the events), identity_file.hpp (what a reconstruction adds).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/files/atomic_file.hpp"
#include "io/hdf5/file.hpp"
#include "rich/events/event.hpp"
#include "rich/events/event_columns.hpp"
#include "rich/files/image_file.hpp"
#include "rich/simulation/simulation_options.hpp"

namespace annulus::rich {

/// Value of the root attribute `schema`.
inline constexpr const char* kEventSchema = "annulus-rich-events-1";

/// Species are numbers in files of the RICH; the attribute `species` of an object says which is which.
/// @throws DataError when its order is not that of Species
void require_species(const io::Hdf5File& file, const std::string& object);

/// Writes a file of events, complete or absent.
class EventWriter {
 public:
  /// Starts PATH.partial. @throws UsageError when the file exists and is not to be replaced
  EventWriter(const std::string& path, io::Existing existing, const SimulationOptions& options);

  /// Adds training rows to the file (rich/files/image_file.hpp). Call it before the first of them is
  /// appended.
  void expect_images(const std::vector<NamedImages>& kinds);

  /// Appends events. The bytes of a file depend on how its events are grouped into calls.
  void append(const EventColumns& columns);
  /// Appends the rows of these events. @pre expect_images was called
  void append(const ImagesBySplit& images);
  /// Syncs and renames. The writer is done.
  void commit();

 private:
  void describe(const SimulationOptions& options);

  io::AtomicFile target_;
  std::optional<io::Hdf5File> file_;
  std::map<std::string, io::Hdf5Dataset> datasets_;
  std::optional<ImageGroups> images_;
};

/// Reads a file of events, any stretch of them at a time.
class EventFile {
 public:
  /// Opens, and checks that all columns are there and equally long.
  /// @throws DataError naming file and column
  explicit EventFile(const std::string& path);

  std::uint64_t events() const { return first_track_.size() - 1; }
  std::uint64_t tracks() const { return first_track_.back(); }
  /// Number of the first track of an event in the columns of tracks. @pre event <= events()
  std::uint64_t first_track(std::uint64_t event) const { return first_track_[event]; }
  const std::vector<Split>& splits() const { return splits_; }
  const SimulationOptions& options() const { return options_; }

  /// Reads events [first, first + count) after checking their values.
  /// @throws DataError naming file, column, row and value: a species or channel that does not exist, a
  /// momentum that is not above zero, a position or slope that is not finite, hits out of order
  std::vector<Event> read(std::uint64_t first, std::uint64_t count) const;

 private:
  void read_options();
  void check_columns() const;
  void read_counts();
  void check_values(const EventColumns& columns, std::uint64_t first) const;

  io::Hdf5File file_;
  SimulationOptions options_;
  Detector detector_;
  std::vector<std::uint64_t> first_track_;
  std::array<std::vector<std::uint64_t>, kRichCount> first_hit_;
  std::vector<Split> splits_;
};

}  // namespace annulus::rich
