#include "tests/architecture/room_table.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace annulus::test {
namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, at);) parts.push_back(trimmed(part));
  return parts;
}

std::string unquoted(const std::string& text) { return text.substr(1, text.size() - 2); }

Room parse_row(const std::string& name, const std::string& allowed) {
  Room room{.name = name};
  for (const std::string& entry : split(allowed, ',')) {
    if (entry == "everything") {
      room.everything = true;
    } else if (entry.starts_with('`')) {
      room.rooms.insert(unquoted(entry));
    } else if (!entry.empty()) {
      room.libraries.insert(entry);
    }
  }
  return room;
}

/// Depth first: a room that is met again on its own way closes a circle.
struct CircleSearch {
  const RoomTable& table;
  std::map<std::string, bool> finished = {};
  std::vector<std::string> way = {};

  bool visit(const Room& room) {
    if (finished[room.name]) return false;
    const auto met = std::ranges::find(way, room.name);
    if (met != way.end()) {
      way.erase(way.begin(), met);
      return true;
    }
    way.push_back(room.name);
    for (const Room& next : table.rooms()) {
      const bool arrow = next.name != room.name && std::ranges::any_of(room.rooms, [&](const auto& entry) {
                           return RoomTable::covers(entry, next.name);
                         });
      if (arrow && visit(next)) return true;
    }
    way.pop_back();
    finished[room.name] = true;
    return false;
  }
};

}  // namespace

RoomTable::RoomTable(const std::filesystem::path& document) {
  static const std::regex row("\\| `([a-z0-9_/]+)` \\|[^|]*\\|([^|]*)\\|");
  std::ifstream text(document);
  std::smatch match;
  for (std::string line; std::getline(text, line);) {
    if (std::regex_match(line, match, row)) rooms_.push_back(parse_row(match[1], match[2]));
  }
  if (rooms_.empty()) throw std::runtime_error("no table of rooms in " + document.string());
}

const Room* RoomTable::find(const std::string& folder) const {
  for (const Room& room : rooms_) {
    if (folder == room.name || (room.everything && covers(room.name + "/*", folder))) return &room;
  }
  return nullptr;
}

bool RoomTable::covers(const std::string& entry, const std::string& folder) {
  if (!entry.ends_with("/*")) return folder == entry;
  return folder.starts_with(entry.substr(0, entry.size() - 1));
}

std::vector<std::string> RoomTable::circle() const {
  CircleSearch search{*this};
  for (const Room& room : rooms_) {
    if (!room.everything && search.visit(room)) return search.way;
  }
  return {};
}

}  // namespace annulus::test
