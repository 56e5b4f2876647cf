#include "rich/files/image_file.hpp"

#include <algorithm>

#include "io/dataset/writer.hpp"

namespace annulus::rich {
namespace {

/// Images stored together: 256 kB of two channels, which the library's cache of 1 MB holds.
constexpr std::int64_t kImageRows = 128;
constexpr std::int64_t kValueRows = 8192;

}  // namespace

const std::vector<NamedImages>& event_file_images() {
  static const std::vector<NamedImages> kinds{{"images", CoronaOptions{}}, {"rich1_images", kLectureCorona}};
  return kinds;
}

ImageGroups::ImageGroups(io::Hdf5File& file, std::vector<NamedImages> kinds)
    : file_(file), kinds_(std::move(kinds)) {
  file_.set_attribute("/", "classes", words_list<Species>());
}

template <class Value>
void ImageGroups::append(const std::string& name, const std::vector<std::int64_t>& row,
                         const std::vector<Value>& values) {
  auto found = datasets_.find(name);
  if (found == datasets_.end()) {
    Extents extents{0};
    extents.insert(extents.end(), row.begin(), row.end());
    const io::Hdf5Layout layout{row.size() > 1 ? kImageRows : kValueRows, 0,
                                io::Hdf5Layout::Growth::extendable};
    io::Hdf5Dataset created = file_.create_dataset(name, io::element_type_of<Value>(), extents, layout);
    found = datasets_.emplace(name, std::move(created)).first;
  }
  io::Hdf5Dataset& dataset = found->second;
  dataset.write_rows(dataset.info().rows(), values.size() / dataset.row_size(), std::span(values));
}

void ImageGroups::append(const std::string& split, const ImageColumns& columns) {
  const bool is_new = !datasets_.contains(split + "/labels");
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    const CoronaOptions& options = kinds_[k].options;
    append(split + "/" + kinds_[k].name, {options.size, options.size, options.channels()}, columns.images[k]);
  }
  append(split + "/labels", {}, columns.labels);
  append(split + "/track_features", {static_cast<std::int64_t>(kFeatures)}, columns.features);
  append(split + "/momentum", {}, columns.momentum);
  append(split + "/track", {}, columns.track);
  if (is_new) describe(split);
}

void ImageGroups::describe(const std::string& split) {
  file_.set_attribute(split + "/track_features", "columns", feature_names());
  for (const NamedImages& kind : kinds_) {
    const std::string name = split + "/" + kind.name;
    file_.set_attribute(name, "window", word_of(kind.options.window));
    file_.set_attribute(name, "coordinates", word_of(kind.options.coordinates));
    file_.set_attribute(name, "detectors", word_of(kind.options.detectors));
    file_.set_attribute(name, "clip", std::int64_t{kind.options.clip});
  }
}

void ImageGroups::append(const ImagesBySplit& images) {
  for (std::size_t i = 0; i < images.size(); ++i)
    if (images[i].rows() > 0) append(enum_words<Split>()[i], images[i]);
}

ImageWriter::ImageWriter(const std::string& path, io::Existing existing, const CoronaOptions& kind,
                         const std::string& events)
    : target_(path, existing), file_(io::Hdf5File::create(target_.partial(), io::Existing::replace)) {
  file_->set_attribute("/", "schema", io::kDatasetSchema);
  file_->set_attribute(
      "/", "description",
      "Hits of RICH detectors around tracks, in polar coordinates about the image of each track: rows Cherenkov angle, columns azimuth. Class: the particle.");
  file_->set_attribute("/", "provenance_events", events);
  groups_.emplace(*file_, std::vector<NamedImages>{{"images", kind}});
}

void ImageWriter::commit() {
  groups_.reset();
  file_->close();
  file_.reset();
  target_.commit();
}

}  // namespace annulus::rich
