#include <algorithm>

#include "base/error.hpp"
#include "rich/files/event_file.hpp"

namespace annulus::rich {
namespace {

/// Values stored together: large enough to read fast, small enough that short files stay short.
constexpr std::int64_t kChunkValues = 16384;

}  // namespace

EventWriter::EventWriter(const std::string& path, io::Existing existing, const SimulationOptions& options)
    : target_(path, existing), file_(io::Hdf5File::create(target_.partial(), io::Existing::replace)) {
  describe(options);
  const EventColumns none;
  EventColumns::visit(none, [this](const char* name, const auto& column, const auto& row) {
    using Value = typename std::remove_cvref_t<decltype(column)>::value_type;
    Extents extents{0};
    extents.insert(extents.end(), row.begin(), row.end());
    std::int64_t row_values = 1;
    for (const std::int64_t extent : row) row_values *= extent;
    const io::Hdf5Layout layout{kChunkValues / row_values, 0, io::Hdf5Layout::Growth::extendable};
    datasets_.emplace(name, file_->create_dataset(name, io::element_type_of<Value>(), extents, layout));
  });
  for (const char* states : {"tracks/true_state", "tracks/state"})
    file_->set_attribute(states, "columns", std::vector<std::string>{"x_mm", "y_mm", "slope_x", "slope_y"});
}

void EventWriter::describe(const SimulationOptions& options) {
  const auto number = [this](const char* name, double value) { file_->set_attribute("/", name, value); };
  file_->set_attribute("/", "schema", kEventSchema);
  file_->set_attribute(
      "/", "description",
      "Simulated events of two RICH detectors. Units: mm, GeV/c, rad. Tracks stand at the entry planes of RICH1 and RICH2.");
  file_->set_attribute("/", "species", words_list<Species>());
  file_->set_attribute("/", "preset", word_of(options.preset));
  file_->set_attribute("/", "mix", word_of(options.mix));
  file_->set_attribute("/", "seed", options.seed);
  number("tracks", options.tracks);
  number("lowest_momentum", options.lowest_momentum);
  number("highest_momentum", options.highest_momentum);
  number("ghosts_per_track", options.ghosts_per_track);
  number("noise_rich1", options.noise[0]);
  number("noise_rich2", options.noise[1]);
  number("momentum_error", options.quality.momentum_error);
  number("smear_scale", options.quality.smear_scale);
  number("tail_fraction", options.quality.tail_fraction);
  number("tail_scale", options.quality.tail_scale);
  number("lost_fraction", options.quality.lost_fraction);
  number("validation_fraction", options.validation_fraction);
  number("test_fraction", options.test_fraction);
}

void EventWriter::append(const EventColumns& columns) {
  EventColumns::visit(columns, [this](const char* name, const auto& column, const auto&) {
    using Value = typename std::remove_cvref_t<decltype(column)>::value_type;
    io::Hdf5Dataset& dataset = datasets_.at(name);
    dataset.write_rows(dataset.info().rows(), column.size() / dataset.row_size(),
                       std::span<const Value>(column));
  });
}

void EventWriter::expect_images(const std::vector<NamedImages>& kinds) { images_.emplace(*file_, kinds); }

void EventWriter::append(const ImagesBySplit& images) {
  expect_contract(images_.has_value(), "images were announced before they are appended");
  images_->append(images);
}

void EventWriter::commit() {
  datasets_.clear();
  images_.reset();
  file_->close();
  file_.reset();
  target_.commit();
}

}  // namespace annulus::rich
