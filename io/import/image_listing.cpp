// Names to splits, classes and rows.
#include "io/import/image_listing.hpp"

#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
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

/// What comes before split and class must be the same for all: else some folder was taken for a class.
std::string prefix_of(const ListedImage& image) {
  std::vector<std::string> folders = folders_of(image.name);
  folders.resize(folders.size() - (image.split.empty() ? 1 : 2));
  return fmt::format("{}", fmt::join(folders, "/"));
}

void check_layout(const std::string& source, const std::vector<ListedImage>& images) {
  const ListedImage& first = images.front();
  for (const ListedImage& image : images) {
    if (image.split.empty() != first.split.empty() || prefix_of(image) != prefix_of(first))
      throw DataError(
          "{}: {} and {} lie at different depths or in different trees. Expected is CLASS/FILE, or train/CLASS/FILE and test/CLASS/FILE, for all images.",
          source, first.name, image.name);
  }
  for (std::size_t i = 1; i < images.size(); ++i)
    if (images[i].name == images[i - 1].name)
      throw DataError("{}: holds {} twice. Make the archive again without the repetition.", source,
                      images[i].name);
}

std::vector<std::string> find_classes(const std::string& source, const std::vector<ListedImage>& images) {
  std::set<std::string> all;
  std::set<std::string> trained;
  for (const ListedImage& image : images) {
    all.insert(image.class_name);
    if (image.split == "train" || image.split.empty()) trained.insert(image.class_name);
  }
  if (all.size() < 2)
    throw DataError("{}: all images lie in one folder, {}, but one folder per class is needed.", source,
                    *all.begin());
  for (const std::string& name : all)
    if (!trained.empty() && !trained.contains(name))
      throw DataError(
          "{}: the class {} has no training images. Is a folder name misspelt? Classes of train: {}.", source,
          name, fmt::join(trained, ", "));
  return {all.begin(), all.end()};
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
        source, name);
  ListedImage image;
  image.name = name;
  image.class_name = folders.back();
  if (folders.size() >= 2) image.split = split_of(folders[folders.size() - 2]);
  return image;
}

ImageListing list_images(const std::string& source, std::vector<ListedImage> images) {
  if (images.empty())
    throw DataError("{}: holds no JPEG or PNG images (.jpg, .jpeg, .png). Is this the right source?", source);
  std::sort(images.begin(), images.end(),
            [](const ListedImage& a, const ListedImage& b) { return a.name < b.name; });
  check_layout(source, images);
  ImageListing listing;
  listing.classes = find_classes(source, images);
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
