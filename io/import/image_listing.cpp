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

/// The folders of a path, as views of it.
std::vector<std::string_view> folders_of(std::string_view name) {
  std::vector<std::string_view> folders;
  for (std::size_t begin = 0; begin < name.size();) {
    const std::size_t end = name.find('/', begin);
    if (end == std::string_view::npos) break;
    if (end > begin) folders.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  return folders;
}

std::string small_letters(std::string_view letters) {
  std::string text(letters);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

std::string_view split_of(std::string_view folder) {
  static const std::map<std::string, std::string> kNames{
      {"train", "train"},      {"training", "train"}, {"validation", "validation"}, {"val", "validation"},
      {"valid", "validation"}, {"test", "test"},      {"testing", "test"}};
  const auto found = kNames.find(small_letters(folder));
  return found != kNames.end() ? std::string_view(found->second) : "";
}

/// Where class folders are: what comes before split and class.
struct Layout {
  std::vector<std::string_view> prefix;
  bool splits = false;
  bool operator==(const Layout&) const = default;
};

Layout layout_of(const ListedImage& image) {
  Layout layout{folders_of(image.name), !image.split.empty()};
  layout.prefix.resize(static_cast<std::size_t>(image.prefix_parts));
  return layout;
}

/// It must be the same for all: else some folder was taken for a class.
void check_layout(const std::string& source, const ListedImages& images) {
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
    const std::string split(layout.splits ? split_of(parts[depth - 2]) : "");
    if (layout.splits && split.empty()) continue;
    const std::string path = fmt::format("{}", fmt::join(parts, "/"));
    ClassFolder& folder = found.try_emplace(path, ClassFolder{split, parts.back(), path, {}}).first->second;
    if (folder.contents.unread_pictures == 0) folder.contents.example = contents.example;
    folder.contents.unread_pictures += contents.unread_pictures;
    folder.contents.other_files += contents.other_files;
    folder.contents.damaged_pictures += contents.damaged_pictures;
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
    if (named.size() == kNamed) break;
    const FolderContents& held = folder.contents;
    const auto text = [&](const char* what, std::uint64_t count) {
      return fmt::format("{} ({}: {}, for example {})", shown_name(folder.path), what, count,
                         shown_name(held.example.substr(folder.path.size() + 1)));
    };
    named.push_back(held.unread_pictures > 0    ? text("pictures in other formats", held.unread_pictures)
                    : held.damaged_pictures > 0 ? text("pictures that cannot be read", held.damaged_pictures)
                                                : shown_name(folder.path) + " (empty)");
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
    const auto [other, first] = small.emplace(small_letters(name), name);
    if (!first)
      doubts.push_back(fmt::format("The classes {} and {} differ only in capital letters. Are they one?",
                                   shown_name(other->second), shown_name(name)));
  }
  return doubts;
}

std::vector<std::string> find_classes(const std::string& source, const ListedImages& images,
                                      const std::vector<ClassFolder>& kept) {
  std::set<std::string> all;
  std::set<std::string> trained;
  std::set<std::pair<std::string_view, std::string_view>> seen;  // few, where images are many
  const auto add = [&](std::string_view split, std::string_view name) {
    if (!seen.emplace(split, name).second) return;
    all.emplace(name);
    if (split == "train" || split.empty()) trained.emplace(name);
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
void name_classes(const std::string& source, const ListedImages& images, std::vector<ClassFolder> folders,
                  EmptyClasses empty_classes, ImageListing& listing) {
  std::set<std::string_view> pictured;
  for (const ListedImage& image : images) pictured.insert(image.class_name);
  std::vector<ClassFolder> barren;
  std::vector<ClassFolder> no_classes;
  std::vector<ClassFolder> kept;
  for (ClassFolder& folder : folders) {
    if (empty_classes == EmptyClasses::keep) kept.push_back(folder);
    if (pictured.contains(folder.class_name)) continue;
    const FolderContents& held = folder.contents;
    const bool other_files = held.unread_pictures + held.damaged_pictures == 0 && held.other_files > 0;
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

void sort_by_name(const std::string& source, ListedImages& images, const LeftOut& left_out) {
  if (images.empty()) {
    const std::string instead = left_out.instead_of_pictures();
    throw DataError("{}: holds no JPEG or PNG images (.jpg, .jpeg, .png). {}", source,
                    instead.empty() ? "Is this the right source?" : "It holds " + instead + ".");
  }
  std::sort(images.begin(), images.end(),
            [](const ListedImage& a, const ListedImage& b) { return a.name < b.name; });
}

/// Takes the last of the folders as the class, the one before as a split if it is called so.
void place_below(ListedImage& image, const std::vector<std::string_view>& folders) {
  image.class_name = folders.back();
  image.split = folders.size() >= 2 ? split_of(folders[folders.size() - 2]) : std::string_view();
  image.prefix_parts = static_cast<std::int32_t>(folders.size()) - (image.split.empty() ? 1 : 2);
}

/// tiny-imagenet: train/CLASS/images/FILE, and val/images/FILE whose classes stand in a file beside them.
struct InnerFolders {
  bool found = false;         ///< classes lie above folders called images
  std::uint64_t without = 0;  ///< pictures without a class, which were taken off: test/images/FILE
  std::string_view example;   ///< of those
};

InnerFolders look_into_images_folders(const std::string& source, ListedImages& images,
                                      const Annotations* annotations) {
  const bool all = std::all_of(images.begin(), images.end(), [](const ListedImage& image) {
    const std::vector<std::string_view> folders = folders_of(image.name);
    return folders.size() >= 2 && small_letters(folders.back()) == "images";
  });
  const bool some_below_classes =
      all &&
      std::any_of(images.begin(), images.end(), [](const ListedImage& image) { return image.split.empty(); });
  if (!some_below_classes) return {};
  InnerFolders inner{.found = true};
  for (ListedImage& image : images) {
    std::vector<std::string_view> folders = folders_of(image.name);
    folders.pop_back();
    place_below(image, folders);
    if (const std::string_view split = split_of(folders.back()); !split.empty()) {
      image.split = split;
      image.class_name = annotations == nullptr ? std::string_view() : annotations->class_of(image.name);
      image.prefix_parts = static_cast<std::int32_t>(folders.size()) - 1;
    }
    if (image.class_name.empty() && inner.without++ == 0) inner.example = image.name;
  }
  std::erase_if(images, [](const ListedImage& image) { return image.class_name.empty(); });
  if (images.empty()) throw DataError("{}: no picture has a class.", source);
  return inner;
}

/// In the order of the list. @throws DataError for a class that it does not have
std::vector<std::string> ordered_by(const std::vector<Synset>& synsets, const std::vector<std::string>& found,
                                    const std::string& source) {
  std::vector<std::string> order;
  std::set<std::string> known;
  for (const Synset& synset : synsets) {
    order.push_back(synset.folder);
    known.insert(synset.folder);
  }
  for (const std::string& name : found)
    if (!known.contains(name))
      throw DataError(
          "{}: the class folder {} does not stand in the list of synsets, which has {}. Is it the list of this data set?",
          source, quoted_name(name), known.size());
  return order;
}

}  // namespace

ListedImage place_image(const std::string& source, std::string_view name) {
  const std::vector<std::string_view> folders = folders_of(name);
  if (folders.empty())
    throw DataError(
        "{}: {} lies in no class folder. Expected is CLASS/FILE, or train/CLASS/FILE and test/CLASS/FILE.",
        source, shown_name(name));
  ListedImage image;
  image.name = name;
  place_below(image, folders);
  return image;
}

ImageListing list_images(const std::string& source, ListedImages images, const LeftOut& left_out,
                         const ListingRules& rules) {
  sort_by_name(source, images, left_out);
  const InnerFolders inner = look_into_images_folders(source, images, rules.annotations);
  check_layout(source, images);
  ImageListing listing;
  std::vector<ClassFolder> folders = class_folders(layout_of(images.front()), left_out.folders());
  std::erase_if(folders, [&](const ClassFolder& folder) {
    return inner.found && small_letters(folder.class_name) == "images";  // val/images
  });
  name_classes(source, images, std::move(folders), rules.empty_classes, listing);
  if (inner.without > 0)
    listing.doubts.push_back(fmt::format(
        "Left out pictures without a class: {}, for example {}. For `annulus predict` import them by "
        "themselves with --unlabelled.",
        inner.without, shown_name(inner.example)));
  if (!rules.synsets.empty()) listing.classes = ordered_by(rules.synsets, listing.classes, source);
  std::map<std::string, std::size_t, std::less<>> labels;
  for (std::size_t i = 0; i < listing.classes.size(); ++i) labels.emplace(listing.classes[i], i);
  std::map<std::string_view, std::vector<std::vector<std::uint64_t>>> slots;
  for (const ListedImage& image : images) {
    auto& of_split = slots[image.split.empty() ? std::string_view("train") : image.split];
    of_split.resize(listing.classes.size());
    of_split[labels.find(image.class_name)->second].push_back(image.slot);
    const std::string identity =
        fmt::format("{}/{}{}", image.split, image.class_name, image.name.substr(image.name.rfind('/')));
    listing.hash = XXH64(identity.data(), identity.size(), listing.hash ^ image.hash);
  }
  for (const char* name : {"train", "validation", "test"})
    if (slots.contains(name)) listing.splits.push_back(deal_out(name, slots[name]));
  for (std::size_t i = 0; i < rules.synsets.size(); ++i) listing.classes[i] = rules.synsets[i].name;
  return listing;
}

ImageListing list_unlabelled(const std::string& source, ListedImages& images, const LeftOut& left_out) {
  sort_by_name(source, images, left_out);
  ImageListing listing;
  ListedSplit split{"test", {}, {}};
  for (const ListedImage& image : images) {
    split.slots.push_back(image.slot);
    split.labels.push_back(0);
    listing.hash = XXH64(image.name.data(), image.name.size(), listing.hash ^ image.hash);
  }
  listing.splits.push_back(std::move(split));
  return listing;
}

}  // namespace annulus::io
