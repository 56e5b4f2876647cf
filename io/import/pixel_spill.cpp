// Positioned reads and writes on a file that was unlinked right after it was made.
#include "io/import/pixel_spill.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"

namespace annulus::io {

PixelSpill::PixelSpill(const std::string& beside, std::size_t slot_bytes)
    : name_(beside + ".pixels-XXXXXX"), slot_bytes_(slot_bytes) {
  file_ = Descriptor(::mkstemp(name_.data()));
  if (!file_) throw RuntimeError("{}: a temporary file cannot be made ({}).", name_, std::strerror(errno));
  if (::unlink(name_.c_str()) != 0)
    log_warning("{}: the temporary file stays behind ({})", name_, std::strerror(errno));
}

void PixelSpill::write(std::uint64_t slot, std::span<const std::byte> pixels) const {
  expect_contract(pixels.size() == slot_bytes_, "an image fills its slot");
  const auto offset = static_cast<off_t>(slot * slot_bytes_);
  for (std::size_t done = 0; done < pixels.size();) {
    const ssize_t result =
        ::pwrite(file_.get(), pixels.data() + done, pixels.size() - done, offset + static_cast<off_t>(done));
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0)
      throw RuntimeError("{}: decoded images cannot be kept there ({}). Free some space, or write elsewhere.",
                         name_, std::strerror(errno));
    done += static_cast<std::size_t>(result);
  }
}

void PixelSpill::read(std::uint64_t slot, std::span<std::byte> pixels) const {
  expect_contract(pixels.size() == slot_bytes_, "an image fills its slot");
  const auto offset = static_cast<off_t>(slot * slot_bytes_);
  for (std::size_t done = 0; done < pixels.size();) {
    const ssize_t result =
        ::pread(file_.get(), pixels.data() + done, pixels.size() - done, offset + static_cast<off_t>(done));
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0)
      throw RuntimeError("{}: decoded images cannot be read back ({}).", name_,
                         result == 0 ? "the file is too short" : std::strerror(errno));
    done += static_cast<std::size_t>(result);
  }
}

}  // namespace annulus::io
