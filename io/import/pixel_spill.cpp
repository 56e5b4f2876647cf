// Slots of an unnamed file.
#include "io/import/pixel_spill.hpp"

#include "base/error.hpp"
#include "io/files/unnamed_file.hpp"

namespace annulus::io {

PixelSpill::PixelSpill(const std::string& beside, std::size_t slot_bytes)
    : place_(beside + ": decoded images"),
      slot_bytes_(slot_bytes),
      file_(make_unnamed_file(beside, "pixels")) {}

void PixelSpill::write(std::uint64_t slot, std::span<const std::byte> pixels) const {
  expect_contract(pixels.size() == slot_bytes_, "an image fills its slot");
  write_at(file_.get(), slot * slot_bytes_, pixels, place_);
}

void PixelSpill::read(std::uint64_t slot, std::span<std::byte> pixels) const {
  expect_contract(pixels.size() == slot_bytes_, "an image fills its slot");
  const std::string error = read_at(file_.get(), slot * slot_bytes_, pixels);
  if (!error.empty()) throw RuntimeError("{} cannot be read back ({}).", place_, error);
}

}  // namespace annulus::io
