// See set_aside.hpp.
#include "trainer/run/set_aside.hpp"

#include <string>

namespace annulus::trainer {

std::filesystem::path set_aside_name(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  const std::string first = path.string() + ".set-aside";
  fs::path name = first;
  std::error_code unknown;  // what cannot be looked at is taken
  const auto is_taken = [&] { return fs::symlink_status(name, unknown).type() != fs::file_type::not_found; };
  for (int number = 2; is_taken(); ++number) name = first + "-" + std::to_string(number);
  return name;
}

}  // namespace annulus::trainer
