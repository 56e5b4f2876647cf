// See save_times.hpp. A killed process may have left half a line.
#include "trainer/run/save_times.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>

#include "trainer/run/directory.hpp"
#include "trainer/run/step_lines.hpp"

namespace annulus::trainer {
namespace {

constexpr std::string_view kPhrase = " written and verified in ";

std::optional<double> seconds_in(std::string_view line) {
  const std::size_t at = line.find(kPhrase);
  if (at == std::string_view::npos || !line.ends_with(" s")) return std::nullopt;
  const std::string_view rest = line.substr(at + kPhrase.size());
  double seconds = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), seconds);
  if (error != std::errc() || end != rest.data() + rest.size() - 2) return std::nullopt;
  return seconds;
}

}  // namespace

std::string save_note(std::uint64_t step, std::uint64_t bytes, double seconds) {
  return fmt::format("checkpoint of step {}: {:.1f} MB{}{:.2f} s", step, static_cast<double>(bytes) / 1e6,
                     kPhrase, seconds);
}

std::optional<double> slowest_save_s(const std::filesystem::path& run) {
  const std::string path = RunDirectory(run).log_file(0).string();
  std::ifstream file = open_lines(path);
  std::optional<double> slowest;
  for (std::string line; next_line(file, path, line);)
    if (const auto seconds = seconds_in(line)) slowest = std::max(slowest.value_or(0), *seconds);
  return slowest;
}

}  // namespace annulus::trainer
