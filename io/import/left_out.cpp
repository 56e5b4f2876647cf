// Kinds of files by their names.
#include "io/import/left_out.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "base/printable.hpp"
#include "io/files/path_parts.hpp"
#include "io/pictures/image_codec.hpp"

namespace annulus::io {
namespace {

bool is_archive_name(const std::string& name) {
  static const char* const kEndings[] = {".tar", ".tgz", ".txz", ".tbz2", ".gz", ".xz",  ".bz2",
                                         ".zst", ".zip", ".7z",  ".rar",  ".h5", ".hdf5"};
  return std::any_of(std::begin(kEndings), std::end(kEndings),
                     [&](const char* ending) { return name.ends_with(ending); });
}

std::string formats_text(const std::map<std::string, std::uint64_t>& formats) {
  std::vector<std::string> parts;
  parts.reserve(formats.size());
  for (const auto& [format, count] : formats) parts.push_back(fmt::format("{} {}", format, count));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

bool is_hidden(const std::string& name) {
  const std::vector<std::string> parts = path_parts(name);
  return std::any_of(parts.begin(), parts.end(), [](const std::string& part) {
    return part.starts_with('.') || part == "__MACOSX" || part == "@eaDir";
  });
}

void LeftOut::Kind::add(const std::string& name) {
  if (count++ == 0) example = shown_name(name);
}

void LeftOut::add_file(const std::string& name) {
  if (is_hidden(name)) return hidden_.add(name);
  const std::string format = unread_picture_format(name);
  FolderContents& folder =
      folders_[name.substr(0, name.rfind('/') == std::string::npos ? 0 : name.rfind('/'))];
  if (!format.empty()) {
    pictures_.add(name);
    ++formats_[format];
    if (folder.unread_pictures++ == 0) folder.example = name;
    return;
  }
  (is_archive_name(name) ? archives_ : others_).add(name);
  if (folder.other_files++ == 0 && folder.unread_pictures == 0) folder.example = name;
}

void LeftOut::add_damaged(const std::string& name) {
  FolderContents& folder = folders_[name.substr(0, std::min(name.rfind('/'), name.size()))];
  if (folder.damaged_pictures++ == 0 && folder.unread_pictures == 0) folder.example = name;
}

void LeftOut::add_folder(const std::string& name) {
  if (!name.empty() && !is_hidden(name)) folders_.try_emplace(name);
}

std::vector<std::string> LeftOut::warnings() const {
  std::vector<std::string> sentences;
  if (pictures_.count > 0)
    sentences.push_back(fmt::format(
        "Left out pictures in formats that are not read: {} ({}), for example {}. Convert them to PNG or JPEG to have them.",
        pictures_.count, formats_text(formats_), pictures_.example));
  if (archives_.count > 0)
    sentences.push_back(fmt::format(
        "Left out archives: {}, for example {}. An archive inside another source is not opened: unpack it, or import it by itself.",
        archives_.count, archives_.example));
  return sentences;
}

std::vector<std::string> LeftOut::remarks() const {
  std::vector<std::string> sentences;
  if (others_.count > 0)
    sentences.push_back(
        fmt::format("Left out files that are not pictures by their names: {}, for example {}.", others_.count,
                    others_.example));
  if (hidden_.count > 0)
    sentences.push_back(
        fmt::format("Left out hidden files: {}, for example {}.", hidden_.count, hidden_.example));
  return sentences;
}

std::string LeftOut::instead_of_pictures() const {
  if (pictures_.count > 0)
    return fmt::format(
        "pictures in formats that are not read: {} ({}), for example {}. Convert them to PNG or JPEG",
        pictures_.count, formats_text(formats_), pictures_.example);
  if (archives_.count > 0)
    return fmt::format("archives: {}, for example {}. Unpack them, each into a folder of its class",
                       archives_.count, archives_.example);
  return {};
}

}  // namespace annulus::io
