// Names to splits, classes and rows.
#include "io/import/image_listing.hpp"

#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "io/files/path_parts.hpp"

namespace annulus::io {
namespace {

std::vector<std::string> folders_of(const std::string& name) {
  return path_parts(name.substr(0, name.rfind('/') + 1));
}

std::string split_of(const std::string& folder) {
  static const std::map<std::string, std::string> kNames{
      {"train", "train"},      {"training", "train"}, {"validation", "validation"}, {"val", "validation"},
      {"valid", "validation"}, {"test", "test"},      {"testing", "test"}};
  const auto found = kNames.find(folder);
  return found != kNames.end() ? found->second : "";
}

/// Where class folders are: what comes before split and class.
struct Layout {
  std::vector<std::string> prefix;
  bool splits = false;
  bool operator==(const Layout&) const = default;
};

Layout layout_of(const ListedImage& image) {
  Layout layout{folders_of(image.name), !image.split.empty()};
  layout.prefix.resize(layout.prefix.size() - (layout.splits ? 2 : 1));
  return layout;
}

/// It must be the same for all: else some folder was taken for a class.
void check_layout(const std::string& source, const std::vector<ListedImage>& images) {
  const ListedImage& first = images.front();
  const Layout layout = layout_of(first);
  for (const ListedImage& image : images) {
    if (layout_of(image) != layout)
      throw DataError(
          "{}: {} and {} lie at different depths or in different trees. Expected is CLASS/FILE, or train/CLASS/FILE and test/CLASS/FILE, for all images.",
          source, shown_name(first.name), shown_name(image.name));
  }
  for (std::size_t i = 1; i < images.size(); ++i)
    if (images[i].name == images[i - 1].name)
      throw DataError("{}: holds {} twice. Make the archive again without the repetition.", source,
                      shown_name(images[i].name));
}

/// A folder beside those of the classes, or the same in another split.
struct ClassFolder {
  std::string split;  ///< "" without split folders
  std::string class_name;
  std::string path;
  FolderContents contents;  ///< of all folders in it
};

/// Those among `folders` and the folders above them that stand where class folders do.
std::vector<ClassFolder> class_folders(const Layout& layout,
                                       const std::map<std::string, FolderContents>& folders) {
  const std::size_t depth = layout.prefix.size() + (layout.splits ? 2 : 1);
  std::map<std::string, ClassFolder> found;
  for (const auto& [name, contents] : folders) {
    std::vector<std::string> parts = path_parts(name);
    if (parts.size() < depth || !std::equal(layout.prefix.begin(), layout.prefix.end(), parts.begin()))
      continue;
    parts.resize(depth);
    const std::string split = layout.splits ? split_of(parts[depth - 2]) : "";
    if (layout.splits && split.empty()) continue;
    const std::string path = fmt::format("{}", fmt::join(parts, "/"));
    ClassFolder& folder = found.try_emplace(path, ClassFolder{split, parts.back(), path, {}}).first->second;
    if (folder.contents.unread_pictures == 0) folder.contents.example = contents.example;
    folder.contents.unread_pictures += contents.unread_pictures;
    folder.contents.other_files += contents.other_files;
  }
  std::vector<ClassFolder> list;
  list.reserve(found.size());
  for (auto& [path, folder] : found) list.push_back(std::move(folder));
  return list;
}

/// Folders that are no class, since none of their pictures can be read, but look as if they should be one.
void check_barren(const std::string& source, const std::vector<ClassFolder>& barren) {
  std::vector<std::string> named;
  constexpr std::size_t kNamed = 10;
  for (const ClassFolder& folder : barren) {
    if (named.size() < kNamed)
      named.push_back(folder.contents.unread_pictures == 0
                          ? shown_name(folder.path) + " (empty)"
                          : fmt::format("{} (pictures in other formats: {}, for example {})",
                                        shown_name(folder.path), folder.contents.unread_pictures,
                                        shown_name(folder.contents.example.substr(folder.path.size() + 1))));
  }
  if (barren.empty()) return;
  throw DataError(
      "{}: no JPEG or PNG in {} of the class folders: {}{}. Left out, they would shift the numbers of the classes after them. Convert their pictures, remove the folders, or keep their numbers with --allow-empty.",
      source, barren.size(), fmt::join(named, ", "), barren.size() > kNamed ? ", ..." : "");
}

/// Sentences about folders and names that may not be what was meant.
std::vector<std::string> find_doubts(const std::vector<std::string>& classes,
                                     const std::vector<ClassFolder>& no_classes) {
  std::vector<std::string> doubts;
  doubts.reserve(no_classes.size());
  for (const ClassFolder& folder : no_classes)
    doubts.push_back(fmt::format("The folder {} holds no pictures (but {}), so it is not a class.",
                                 shown_name(folder.path),
                                 shown_name(folder.contents.example.substr(folder.path.size() + 1))));
  std::map<std::string, std::string> small;
  for (const std::string& name : classes) {
    std::string letters = name;
    std::transform(letters.begin(), letters.end(), letters.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    const auto [other, first] = small.emplace(letters, name);
    if (!first)
      doubts.push_back(fmt::format("The classes {} and {} differ only in capital letters. Are they one?",
                                   shown_name(other->second), shown_name(name)));
  }
  return doubts;
}

std::vector<std::string> find_classes(const std::string& source, const std::vector<ListedImage>& images,
                                      const std::vector<ClassFolder>& kept) {
  std::set<std::string> all;
  std::set<std::string> trained;
  const auto add = [&](const std::string& split, const std::string& name) {
    all.insert(name);
    if (split == "train" || split.empty()) trained.insert(name);
  };
  for (const ListedImage& image : images) add(image.split, image.class_name);
  for (const ClassFolder& folder : kept) add(folder.split, folder.class_name);
  if (all.size() < 2)
    throw DataError("{}: all images lie in one folder, {}, but one folder per class is needed.", source,
                    shown_name(*all.begin()));
  for (const std::string& name : all)
    if (!trained.empty() && !trained.contains(name))
      throw DataError(
          "{}: the class {} has no training images. Is a folder name misspelt? Classes of train: {}.", source,
          shown_name(name), shown_names(std::vector<std::string>(trained.begin(), trained.end())));
  return {all.begin(), all.end()};
}

/// Decides about the folders that gave no picture, and so which classes there are.
void name_classes(const std::string& source, const std::vector<ListedImage>& images, const LeftOut& left_out,
                  EmptyClasses empty_classes, ImageListing& listing) {
  std::set<std::string> pictured;
  for (const ListedImage& image : images) pictured.insert(image.class_name);
  std::vector<ClassFolder> barren;
  std::vector<ClassFolder> no_classes;
  std::vector<ClassFolder> kept;
  for (ClassFolder& folder : class_folders(layout_of(images.front()), left_out.folders())) {
    if (empty_classes == EmptyClasses::keep) kept.push_back(folder);
    if (pictured.contains(folder.class_name)) continue;
    const bool other_files = folder.contents.unread_pictures == 0 && folder.contents.other_files > 0;
    (other_files ? no_classes : barren).push_back(std::move(folder));
  }
  if (empty_classes == EmptyClasses::refuse) check_barren(source, barren);
  listing.classes = find_classes(source, images, kept);
  listing.doubts = find_doubts(
      listing.classes, empty_classes == EmptyClasses::refuse ? no_classes : std::vector<ClassFolder>{});
}

/// Deals the images of all classes out evenly, so that a reader of any stretch of the file (data.limit, a
/// validation without shuffling) sees all classes: image i of a class of n stands at (i + 1/2) / n of the
/// split.
ListedSplit deal_out(const std::string& name, const std::vector<std::vector<std::uint64_t>>& slots_of_class) {
  struct Place {
    double where;
    std::size_t label;
    std::uint64_t slot;
  };
  std::vector<Place> places;
  for (std::size_t label = 0; label < slots_of_class.size(); ++label)
    for (std::size_t i = 0; i < slots_of_class[label].size(); ++i)
      places.push_back({(static_cast<double>(i) + 0.5) / static_cast<double>(slots_of_class[label].size()),
                        label, slots_of_class[label][i]});
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.where != b.where ? a.where < b.where : a.label < b.label;
  });
  ListedSplit split{name, {}, {}};
  for (const Place& place : places) {
    split.slots.push_back(place.slot);
    split.labels.push_back(static_cast<std::int32_t>(place.label));
  }
  return split;
}

}  // namespace

ListedImage place_image(const std::string& source, const std::string& name) {
  const std::vector<std::string> folders = folders_of(name);
  if (folders.empty())
    throw DataError(
        "{}: {} lies in no class folder. Expected is CLASS/FILE, or train/CLASS/FILE and test/CLASS/FILE.",
        source, shown_name(name));
  ListedImage image;
  image.name = name;
  image.class_name = folders.back();
  if (folders.size() >= 2) image.split = split_of(folders[folders.size() - 2]);
  return image;
}

ImageListing list_images(const std::string& source, std::vector<ListedImage> images, const LeftOut& left_out,
                         EmptyClasses empty_classes) {
  if (images.empty()) {
    const std::string instead = left_out.instead_of_pictures();
    throw DataError("{}: holds no JPEG or PNG images (.jpg, .jpeg, .png). {}", source,
                    instead.empty() ? "Is this the right source?" : "It holds " + instead + ".");
  }
  std::sort(images.begin(), images.end(),
            [](const ListedImage& a, const ListedImage& b) { return a.name < b.name; });
  check_layout(source, images);
  ImageListing listing;
  name_classes(source, images, left_out, empty_classes, listing);
  std::map<std::string, std::vector<std::vector<std::uint64_t>>> slots;
  for (const ListedImage& image : images) {
    auto& of_split = slots[image.split.empty() ? "train" : image.split];
    of_split.resize(listing.classes.size());
    const auto label = std::lower_bound(listing.classes.begin(), listing.classes.end(), image.class_name);
    of_split[static_cast<std::size_t>(label - listing.classes.begin())].push_back(image.slot);
    const std::string identity =
        image.split + "/" + image.class_name + image.name.substr(image.name.rfind('/'));
    listing.hash = XXH64(identity.data(), identity.size(), listing.hash ^ image.hash);
  }
  for (const char* name : {"train", "validation", "test"})
    if (slots.contains(name)) listing.splits.push_back(deal_out(name, slots[name]));
  return listing;
}

}  // namespace annulus::io
