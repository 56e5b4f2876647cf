#include "rich/images/image_columns.hpp"

#include <atomic>

#include "rich/events/column_bytes.hpp"

namespace annulus::rich {
namespace {

template <class Columns, class Visitor>
void visit(Columns& columns, Visitor&& column) {
  for (auto& images : columns.images) column(images);
  column(columns.features);
  column(columns.labels);
  column(columns.momentum);
  column(columns.track);
}

}  // namespace

ImageFactory::ImageFactory(Preset preset, std::vector<CoronaOptions> kinds, int threads)
    : maker_(preset, std::move(kinds)), pool_(threads) {
  for (int i = 0; i < threads; ++i) workspaces_.emplace_back(maker_);
  for (ImageColumns& columns : rows_) columns.images.resize(maker_.kinds().size());
}

/// Gives every event its rows, with zeros in them, and fills in all but images and features.
void ImageFactory::make_room(std::span<const Event> events, std::uint64_t first_track) {
  for (ImageColumns& columns : rows_) visit(columns, [](auto& column) { column.clear(); });
  first_row_.clear();
  for (const Event& event : events) {
    ImageColumns& columns = rows_[static_cast<std::size_t>(event.split)];
    first_row_.push_back(columns.rows());
    for (const Track& track : event.tracks) {
      columns.labels.push_back(static_cast<std::int32_t>(track.species));
      columns.momentum.push_back(track.measured.momentum);
      columns.track.push_back(first_track++);
    }
  }
  for (ImageColumns& columns : rows_) {
    for (std::size_t k = 0; k < columns.images.size(); ++k)
      columns.images[k].resize(columns.rows() * maker_.kinds()[k].bytes());
    columns.features.resize(columns.rows() * kFeatures);
  }
}

ImagesBySplit& ImageFactory::make(std::span<const Event> events, std::uint64_t first_track) {
  make_room(events, first_track);
  std::atomic<std::size_t> next{0};  // events differ in size: each thread takes the next one
  pool_.run([&](int worker) {
    for (std::size_t i = next++; i < events.size(); i = next++) {
      ImageColumns& columns = rows_[static_cast<std::size_t>(events[i].split)];
      const std::size_t first = first_row_[i];
      const std::size_t count = events[i].tracks.size();
      ImageRows rows;
      for (std::size_t k = 0; k < columns.images.size(); ++k) {
        const std::size_t bytes = maker_.kinds()[k].bytes();
        rows.images.push_back(std::span(columns.images[k]).subspan(first * bytes, count * bytes));
      }
      rows.features = std::span(columns.features).subspan(first * kFeatures, count * kFeatures);
      maker_.make(events[i], workspaces_[static_cast<std::size_t>(worker)], rows);
    }
  });
  return rows_;
}

std::vector<std::byte> packed(const ImagesBySplit& images) {
  std::size_t size = 0;
  for (const ImageColumns& columns : images)
    visit(columns, [&](const auto& column) { size += packed_size(column); });
  std::vector<std::byte> bytes;
  bytes.reserve(size + sizeof(float));
  for (const ImageColumns& columns : images) visit(columns, [&](const auto& column) { pack(column, bytes); });
  return bytes;
}

void append_packed(std::span<const std::byte> bytes, std::uint64_t first_track, ImagesBySplit& images) {
  for (ImageColumns& columns : images) {
    const std::size_t rows_before = columns.rows();
    visit(columns, [&](auto& column) { append_packed(bytes, column); });
    for (std::uint64_t& track : std::span(columns.track).subspan(rows_before)) track += first_track;
  }
}

}  // namespace annulus::rich
