// See advice.hpp.
#include "io/hdf5/advice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hdf5.h>

#include <algorithm>
#include <array>

namespace annulus::io {
namespace {

struct KnownFilter {
  int number;
  const char* name;
  bool plugin;  ///< among those of PyPI's package hdf5plugin
};

// https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md
constexpr std::array<KnownFilter, 13> kFilters{{{H5Z_FILTER_SZIP, "szip", false},
                                                {307, "BZip2", true},
                                                {32000, "LZF", false},
                                                {32001, "Blosc", true},
                                                {32004, "LZ4", true},
                                                {32008, "bitshuffle", true},
                                                {32013, "ZFP", true},
                                                {32015, "Zstandard", true},
                                                {32017, "SZ", true},
                                                {32018, "FCIDECOMP", true},
                                                {32024, "SZ3", true},
                                                {32026, "Blosc2", true},
                                                {32028, "SPERR", true}}};

const KnownFilter* find_filter(int number) {
  const auto found =
      std::ranges::find_if(kFilters, [&](const KnownFilter& each) { return each.number == number; });
  return found == kFilters.end() ? nullptr : &*found;
}

bool says(std::string_view reason, std::string_view words) {
  return reason.find(words) != std::string_view::npos;
}

}  // namespace

std::string reading_trouble(std::string_view file, std::string_view call, std::string_view reason) {
  // A writer of SWMR marks a file as open. The library's hint is a tool whose plain use cuts off everything
  // that was appended: `h5clear -s` sets the end of the file to what stood in its head.
  if (says(reason, "h5clear") || says(reason, "already open for"))
    return fmt::format(
        "was not closed by the program that writes it: it is still being written, or that program was killed. Wait until it is done. If nothing writes it any more, mend a copy: `cp {0} copy.h5 && h5clear -s --increment=0 copy.h5` keeps all that is in it (leave --increment away, and the end of the file is cut off).",
        file);
  // A wrong version may also be damage; what newer libraries write is by far the more frequent cause.
  if (says(reason, "bad version number") || says(reason, "unknown version"))
    return fmt::format(
        "is written in a form that this HDF5 ({}.{}.{}) cannot read ({}), as HDF5 2 does when libver='latest' asks for it. Write it again without libver='latest'; `h5repack` and copies keep the form, so the values have to go through numpy. If this library has read it before, its bytes have changed since.",
        H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE, reason);
  return fmt::format(
      "cannot be read ({}: {}). The file may be truncated, damaged or still being written; check it with `h5ls -r`, and copy or make it again.",
      call, reason);
}

std::string filter_name(int filter) {
  const KnownFilter* known = find_filter(filter);
  return known != nullptr ? known->name : fmt::format("number {}", filter);
}

std::string filter_advice(int filter) {
  const KnownFilter* known = find_filter(filter);
  if (known != nullptr && known->plugin)
    return "PyPI's package hdf5plugin brings it: start with HDF5_PLUGIN_PATH=$(python3 -c \"import hdf5plugin; print(hdf5plugin.PLUGIN_PATH)\"), on every host, or write the data set again with compression=\"gzip\".";
  return "Write the data set again with compression=\"gzip\" where it can be read, or name the folder of a plugin for it in HDF5_PLUGIN_PATH.";
}

std::string write_in_chunks(const std::string& file, const std::string& dataset, const Extents& extents,
                            std::size_t value_bytes) {
  constexpr std::array kUsual{"train/images", "validation/images", "test/images"};
  if (std::ranges::find(kUsual, dataset) == kUsual.end())
    return repack_in_chunks(file, dataset, extents, value_bytes);
  return fmt::format("annulus data repack {} --output NEW.h5", file);
}

std::string repack_in_chunks(const std::string& file, const std::string& dataset, const Extents& extents,
                             std::size_t value_bytes) {
  constexpr std::int64_t kBytes = 1 << 20;
  std::int64_t row = static_cast<std::int64_t>(std::max<std::size_t>(1, value_bytes));
  Extents chunk = extents;
  for (std::size_t i = 1; i < extents.size(); ++i)
    row = extents[i] > kBytes / std::max<std::int64_t>(1, row) ? kBytes
                                                               : row * std::max<std::int64_t>(1, extents[i]);
  if (!chunk.empty())
    chunk[0] = std::clamp<std::int64_t>(kBytes / row, 1, std::clamp<std::int64_t>(chunk[0], 1, 1024));
  return fmt::format("h5repack -l {}:CHUNK={} {} NEW.h5", dataset, fmt::join(chunk, "x"), file);
}

}  // namespace annulus::io
