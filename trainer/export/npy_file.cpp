// Format: numpy.lib.format, version 1.0.
#include "trainer/export/npy_file.hpp"

#include <fmt/ranges.h>

namespace annulus::trainer {

std::string npy_file(const std::string& type, const std::vector<std::int64_t>& extents,
                     std::span<const std::byte> values) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", type,
                                   fmt::join(extents, ", "), extents.size() == 1 ? "," : "");
  constexpr std::size_t kBefore = 10, kAlignment = 64;
  header.append((kAlignment - (kBefore + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  file.append(reinterpret_cast<const char*>(values.data()), values.size());
  return file;
}

}  // namespace annulus::trainer
