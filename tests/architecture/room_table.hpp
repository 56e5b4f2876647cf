// The table of rooms in ARCHITECTURE.md, as the check of the arrows reads it.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace annulus::test {

/// A row: one folder, without those below it.
struct Room {
  std::string name;                 ///< "comm/host"
  std::set<std::string> rooms;      ///< that it may include, as written: `comm/*` stands for all below comm
  std::set<std::string> libraries;  ///< "HDF5"
  bool everything = false;          ///< it may include whatever it likes, and so may all folders below
};

class RoomTable {
 public:
  /// Reads the rows "| `room` | text | `room`, `room`, library |". @throws std::runtime_error when there is
  /// none
  explicit RoomTable(const std::filesystem::path& document);

  const std::vector<Room>& rooms() const { return rooms_; }
  /// The row of a folder, or nullptr.
  const Room* find(const std::string& folder) const;
  /// Whether an entry means a folder.
  static bool covers(const std::string& entry, const std::string& folder);
  /// The rooms of a circle of allowed arrows, in order; empty when there is none.
  std::vector<std::string> circle() const;

 private:
  std::vector<Room> rooms_;
};

}  // namespace annulus::test
