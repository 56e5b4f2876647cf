// The configuration: YAML text, then overrides one a line. What is accepted must also survive what the
// program does with it before memory is asked for, and its resolved text must read back to the same.
#include <optional>
#include <sstream>

#include "tests/fuzz/fuzz_target.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/summary.hpp"

namespace annulus::trainer {
namespace {

/// Lines after this one are overrides.
constexpr std::string_view kOverrides = "\n###\n";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void check_round_trip(const Config& config) {
  const LoadedConfig again = parse_config(config.yaml, "resolved");
  if (again.config.yaml != config.yaml)
    fuzz::report_finding("the resolved text reads back to another one:\n" + config.yaml + "---\n" +
                         again.config.yaml);
  if (!numeric_differences(config, again.config).empty())
    fuzz::report_finding("the resolved text reads back to other numbers:\n" + config.yaml);
}

void use(const Config& config) {
  const NetworkSummary summary = summarise(config.network);
  to_table(summary, config.name);
  to_json(summary, config.name);
  for (const int ranks : {1, 2, 3}) fuzz::expect_answer([&] { check_world(config, ranks); });
}

}  // namespace
}  // namespace annulus::trainer

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace annulus;
  const std::string_view text = fuzz::text_of({data, size});
  const std::size_t end = std::min(text.find(trainer::kOverrides), text.size());
  const std::vector<std::string> overrides =
      end < text.size() ? trainer::lines_of(text.substr(end + trainer::kOverrides.size()))
                        : std::vector<std::string>{};
  std::optional<trainer::LoadedConfig> loaded;
  fuzz::expect_answer(
      [&] { loaded = trainer::parse_config(std::string(text.substr(0, end)), "input", overrides); });
  if (!loaded) return 0;
  trainer::check_round_trip(loaded->config);
  trainer::use(loaded->config);
  return 0;
}
