// Lines of text to names of classes.
#include "io/import/class_lists.hpp"

#include <algorithm>
#include <fstream>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace annulus::io {

void Annotations::add(const std::string& name, std::string_view text) {
  const std::string folder = name.substr(0, name.rfind('/') + 1) + "images/";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    std::string_view rest = line.substr(tab + 1);
    rest = rest.substr(0, rest.find_first_of("\t\r"));
    classes_.emplace(folder + std::string(line.substr(0, tab)), rest);
  }
}

std::string_view Annotations::class_of(std::string_view picture) const {
  const auto found = classes_.find(picture);
  return found == classes_.end() ? std::string_view() : found->second;
}

std::vector<Synset> read_synsets(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw DataError("{}: the list of synsets cannot be opened. Check the path.", path);
  std::vector<Synset> synsets;
  std::map<std::string, int> folders;
  std::map<std::string, int> names;
  for (std::string line; std::getline(in, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty()) continue;
    const std::size_t end = line.find_first_of(" \t");
    Synset synset{line.substr(0, end), end == std::string::npos ? "" : line.substr(end + 1)};
    if (synset.name.empty()) synset.name = synset.folder;
    if (folders[synset.folder]++ > 0)
      throw DataError("{}: the folder {} stands there twice. Each class has one line.", path,
                      quoted_name(synset.folder));
    ++names[synset.name];
    synsets.push_back(std::move(synset));
  }
  if (synsets.empty()) throw DataError("{}: names no classes.", path);
  for (Synset& synset : synsets)
    if (names[synset.name] > 1) synset.name += " (" + synset.folder + ")";
  return synsets;
}

}  // namespace annulus::io
