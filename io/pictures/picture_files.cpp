// Folders are walked in the order of names, so that every rank, on any file system, numbers pictures alike.
#include "io/pictures/picture_files.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "io/pictures/image_codec.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostPictures = 50'000'000;

bool is_list(const std::string& path) { return fs::path(path).extension() == ".txt"; }

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

std::vector<std::string> pictures_below(const std::string& folder) {
  std::vector<std::string> pictures;
  std::string other;  // a picture that cannot be read
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::follow_directory_symlink, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (is_hidden(entry->path())) {
      entry.disable_recursion_pending();
      continue;
    }
    const std::string name = entry->path().string();
    std::error_code unknown;
    if (!entry->is_regular_file(unknown)) continue;
    if (has_image_name(name)) pictures.push_back(name);
    if (other.empty() && !unread_picture_format(name).empty()) other = name;
  }
  if (error) throw DataError("{}: its files cannot be listed ({}).", printable(folder), error.message());
  if (pictures.empty())
    throw DataError("{}: no JPEG or PNG is in this folder or below it{}. Name another one, or one picture.",
                    printable(folder),
                    other.empty() ? ""
                                  : fmt::format(", but {}, which is {}: convert such files first",
                                                printable(other), unread_picture_format(other)));
  std::ranges::sort(pictures);
  return pictures;
}

std::vector<std::string> listed_pictures(const std::string& list) {
  std::ifstream file(list);
  if (!file)
    throw DataError("{}: cannot be read. A list holds the path of a picture in each line.", printable(list));
  std::vector<std::string> pictures;
  std::uint64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    const std::string path = (fs::path(list).parent_path() / line).string();
    if (!fs::is_regular_file(path))
      throw DataError("{}, line {}: no file {} is there. Paths count from the folder of the list.",
                      printable(list), number, printable(path));
    pictures.push_back(path);
    if (pictures.size() > kMostPictures) throw DataError("{}: has too many lines.", printable(list));
  }
  if (pictures.empty())
    throw DataError("{}: names no pictures. A list holds a path in each line.", printable(list));
  return pictures;
}

std::string one_picture(const std::string& path) {
  if (!fs::exists(path)) throw DataError("{}: there is no such picture.", printable(path));
  if (!fs::is_regular_file(path)) throw DataError("{}: is no file.", printable(path));
  return path;
}

}  // namespace

bool means_pictures(const std::string& path) {
  const std::string format = unread_picture_format(path);
  return fs::is_directory(path) || is_list(path) || has_image_name(path) ||
         (!format.empty() && format != "NumPy");
}

std::vector<std::string> picture_files(const std::vector<std::string>& paths) {
  std::vector<std::string> pictures;
  for (const std::string& path : paths) {
    if (const std::string format = unread_picture_format(path); !format.empty() && !fs::is_directory(path))
      throw DataError("{}: {} is not read, only JPEG and PNG are. Convert it first (`convert IN OUT.png`).",
                      printable(path), format);
    std::vector<std::string> found;
    if (fs::is_directory(path))
      found = pictures_below(path);
    else if (is_list(path))
      found = listed_pictures(path);
    else
      found = {one_picture(path)};
    pictures.insert(pictures.end(), std::make_move_iterator(found.begin()),
                    std::make_move_iterator(found.end()));
  }
  return pictures;
}

}  // namespace annulus::io
