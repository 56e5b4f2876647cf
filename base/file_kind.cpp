// See file_kind.hpp.
#include "base/file_kind.hpp"

#include "base/error.hpp"

namespace annulus {

void require_writable_kind(const std::filesystem::path& path) {
  using Kind = std::filesystem::file_type;
  std::error_code unknown;  // then opening it will say why
  const char* what = nullptr;
  switch (std::filesystem::status(path, unknown).type()) {
    case Kind::fifo:
      what = "a named pipe (FIFO), on which writing would wait until somebody reads";
      break;
    case Kind::socket:
      what = "a socket";
      break;
    case Kind::block:
      what = "a disk";
      break;
    case Kind::directory:
      what = "a folder";
      break;
    default:
      return;
  }
  throw UsageError("{}: is {}, but a file is to be written there. Remove it, or choose another place.",
                   path.string(), what);
}

}  // namespace annulus
