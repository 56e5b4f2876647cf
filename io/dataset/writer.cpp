// Columns grow by rows; every one is an extendable HDF5 dataset.
#include "io/dataset/writer.hpp"

#include <algorithm>

namespace annulus::io {
namespace {

constexpr std::int64_t kColumnChunk = 8192;
/// HDF5 keeps attributes below 64 KB, and a string in one takes 16 bytes there, whatever its length.
constexpr std::size_t kMostInAttribute = 4000;

}  // namespace

void set_class_names(Hdf5File& file, const std::vector<std::string>& classes) {
  if (classes.size() <= kMostInAttribute)
    file.set_attribute("/", "classes", classes);
  else
    file.write_texts("classes", classes);
}

DatasetWriter::DatasetWriter(const std::string& path, Existing existing, DatasetSpec spec)
    : target_(path, existing), spec_(std::move(spec)) {
  expect_contract(spec_.shape.size() > 0 && spec_.classes.empty() != spec_.labelled,
                  "a dataset has a shape, and classes where it has labels");
  const bool named = spec_.shape.flat && spec_.columns.size() == static_cast<std::size_t>(spec_.shape.size());
  expect_contract(spec_.columns.empty() || named, "every value of a flat sample has a name, or none");
  file_ = Hdf5File::create(target_.partial(), Existing::replace);
  file_->set_attribute("/", "schema", kDatasetSchema);
  if (spec_.labelled) set_class_names(*file_, spec_.classes);
  file_->set_attribute("/", "description", spec_.description);
  for (const auto& [key, value] : spec_.provenance) file_->set_attribute("/", "provenance_" + key, value);
  if (spec_.part.count > 1) {
    file_->set_attribute("/", "part", spec_.part.number);
    file_->set_attribute("/", "parts", spec_.part.count);
  }
  if (spec_.columns.size() > kMostInAttribute) file_->write_texts("columns", spec_.columns);
}

Hdf5Dataset& DatasetWriter::column(const std::string& name, ElementType type, const Extents& extents) {
  const auto found = columns_.find(name);
  if (found != columns_.end()) return found->second;
  // One value per row: larger chunks, or reading the labels costs more than reading the images.
  const std::int64_t chunk_rows =
      extents.size() == 1 ? std::max(spec_.chunk_rows, kColumnChunk) : spec_.chunk_rows;
  const Hdf5Layout layout{chunk_rows, spec_.deflate, Hdf5Layout::Growth::extendable};
  return columns_.emplace(name, file_->create_dataset(name, type, extents, layout)).first->second;
}

void DatasetWriter::append(const std::string& split, std::span<const std::byte> pixels,
                           std::span<const std::int32_t> labels) {
  const auto found = columns_.find(split + "/images");
  const std::uint64_t first = found == columns_.end() ? 0 : found->second.info().rows();
  for (std::size_t i = 0; i < labels.size() && spec_.labelled; ++i)
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= spec_.classes.size())
      throw DataError("{}: {} image {} has label {}, but there are {} classes.", target_.path(), split,
                      first + i, labels[i], spec_.classes.size());
  append_images(split, pixels, labels.size());
  if (spec_.labelled)
    column(split + "/labels", ElementType::int32, {0}).write_rows(first, labels.size(), labels);
}

void DatasetWriter::append_images(const std::string& split, std::span<const std::byte> pixels,
                                  std::uint64_t count) {
  const SampleShape& shape = spec_.shape;
  expect_contract(pixels.size() == count * static_cast<std::size_t>(shape.size()) * size_of(spec_.pixels),
                  "a block has one image per label");
  const Extents extents =
      shape.flat ? Extents{0, shape.channels} : Extents{0, shape.height, shape.width, shape.channels};
  append_values(split + "/images",
                spec_.pixels == PixelType::uint8 ? ElementType::uint8 : ElementType::float32, extents,
                pixels);
}

void DatasetWriter::append_values(const std::string& dataset, ElementType type, const Extents& extents,
                                  std::span<const std::byte> values) {
  Extents empty = extents;
  empty.front() = 0;
  Hdf5Dataset& target = column(dataset, type, empty);
  const auto write = [&]<class T>(T) {
    const std::uint64_t row_bytes = target.row_size() * sizeof(T);
    expect_contract(row_bytes > 0 && values.size() % row_bytes == 0, "whole rows are appended");
    target.write_rows(target.info().rows(), values.size() / row_bytes,
                      std::span(reinterpret_cast<const T*>(values.data()), values.size() / sizeof(T)));
  };
  switch (type) {
    case ElementType::uint8:
      return write(std::uint8_t{});
    case ElementType::int32:
      return write(std::int32_t{});
    case ElementType::int64:
      return write(std::int64_t{});
    case ElementType::uint64:
      return write(std::uint64_t{});
    case ElementType::float32:
      return write(float{});
    case ElementType::float64:
      return write(double{});
  }
}

void DatasetWriter::commit() {
  const bool named = !spec_.columns.empty() && spec_.columns.size() <= kMostInAttribute;
  for (const auto& [name, dataset] : columns_)
    if (named && name.ends_with("/images")) file_->set_attribute(name, "columns", spec_.columns);
  columns_.clear();
  file_->close();
  file_.reset();
  target_.commit();
}

}  // namespace annulus::io
