// Links are followed backwards, from a file to its names: the file is at hand then, and nothing is read for
// links alone.
#include "io/import/link_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "io/files/path_parts.hpp"

namespace annulus::io {

std::string resolved_path(const std::string& path) {
  std::vector<std::string> parts;
  for (std::string& part : path_parts(path)) {
    if (part == ".") continue;
    if (part != "..") {
      parts.push_back(std::move(part));
    } else {
      if (parts.empty()) return {};
      parts.pop_back();
    }
  }
  return fmt::format("{}", fmt::join(parts, "/"));
}

void LinkTable::add(const std::string& name, const std::string& written, const std::string& resolved) {
  const std::string plain = resolved_path(name);
  links_.push_back({plain, written, false});
  const bool circle = plain == resolved || plain.starts_with(resolved + "/");
  if (!plain.empty() && !resolved.empty() && !circle) by_target_[resolved].push_back(links_.size() - 1);
}

void LinkTable::add_symbolic(const std::string& name, const std::string& target) {
  const bool outside = target.starts_with('/');
  add(name, target, outside ? "" : resolved_path(name.substr(0, name.rfind('/') + 1) + target));
}

void LinkTable::add_hard(const std::string& name, const std::string& target) {
  add(name, target, resolved_path(target));
}

void LinkTable::append_names_of(const std::string& name, std::vector<std::string>& names) {
  for (std::size_t cut = 0; cut < name.size();) {
    cut = std::min(name.find('/', cut + 1), name.size());
    const auto found = by_target_.find(name.substr(0, cut));
    if (found == by_target_.end()) continue;
    for (const std::size_t link : found->second) {
      links_[link].used = true;
      names.push_back(links_[link].name + name.substr(cut));
    }
  }
}

std::vector<std::string> LinkTable::names_of(const std::string& file) {
  constexpr int kMostLinks = 4;  // on the way to a file: links may lead in circles, each through the others
  constexpr std::size_t kMostNames = 100'000;
  std::vector<std::string> names{resolved_path(file)};
  std::size_t next = 0;
  for (int links = 0; links < kMostLinks; ++links) {
    for (const std::size_t end = names.size(); next < end; ++next) {
      append_names_of(std::string(names[next]), names);
      if (names.size() > kMostNames)
        throw DataError("{}: {} has more than {} names through links, which no data set needs.", archive_,
                        shown_name(file), kMostNames);
    }
  }
  names.erase(names.begin());
  return names;
}

std::vector<std::string> LinkTable::dead() const {
  std::vector<std::string> dead;
  for (const Link& link : links_)
    if (!link.used) dead.push_back(link.name + " -> " + link.written);
  return dead;
}

}  // namespace annulus::io
