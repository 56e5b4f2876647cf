// annulus rich simulate: events of both RICHes into an HDF5 file. Ranks and threads share the events; rank 0
// writes them in order.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "rich/event_factory.hpp"
#include "rich/event_file.hpp"
#include "trainer/commands/rich.hpp"
#include "trainer/device.hpp"
#include "trainer/rank_zero.hpp"

namespace annulus::trainer {
namespace {

/// Events that are simulated together and written in one piece, of all ranks: fixed, so that the bytes of the
/// file do not depend on the number of ranks or threads.
constexpr std::uint64_t kBlockEvents = 1024;
constexpr int kBlockTag = 1;

struct SimulateOptions {
  std::vector<std::string> words;  ///< a config file, key=value
  std::string output;
  std::uint64_t events = 0;
  std::optional<std::uint64_t> seed;
  int threads = 0;
  bool replace = false;
};

rich::SimulationOptions simulation_options(const SimulateOptions& options) {
  std::string config;
  std::vector<std::string> overrides;
  for (const std::string& word : options.words) {
    if (word.find('=') != std::string::npos)
      overrides.push_back(word);
    else if (config.empty())
      config = word;
    else
      throw UsageError("{} and {} are two configurations; the simulation takes one, and key=value words.",
                       config, word);
  }
  rich::SimulationOptions result = load_simulation(config, overrides);
  if (options.seed) result.seed = *options.seed;
  return result;
}

/// Rounds up to whole floats, which is what ranks send each other.
std::size_t floats_for(std::size_t bytes) { return (bytes + sizeof(float) - 1) / sizeof(float); }

std::vector<float> as_floats(std::span<const std::byte> bytes) {
  std::vector<float> floats(floats_for(bytes.size()));
  std::memcpy(floats.data(), bytes.data(), bytes.size());
  return floats;
}

/// Brings the events of all ranks to rank 0, in the order of ranks. Collective; the others get nothing.
rich::EventColumns gather(comm::ProcessGroup& group, rich::EventColumns mine) {
  if (group.size() == 1) return mine;
  const std::vector<std::byte> bytes = group.rank() == 0 ? std::vector<std::byte>{} : packed(mine);
  const std::uint64_t size = bytes.size();
  std::vector<std::uint64_t> sizes(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&size, 1)), std::as_writable_bytes(std::span(sizes)),
                   "the size of simulated events");
  if (group.rank() != 0) {
    const std::vector<float> message = as_floats(bytes);
    group.wait(*group.start_send(message, 0, kBlockTag), "rank 0 to take simulated events");
    return {};
  }
  for (int peer = 1; peer < group.size(); ++peer) {
    const std::uint64_t peer_bytes = sizes[static_cast<std::size_t>(peer)];
    std::vector<float> message(floats_for(peer_bytes));
    group.wait(*group.start_receive(message, peer, kBlockTag), "simulated events");
    mine.append(rich::unpacked(std::as_bytes(std::span(message)).first(peer_bytes)));
  }
  return mine;
}

/// What the last line says.
struct Totals {
  std::uint64_t tracks = 0;
  std::uint64_t outside = 0;
  std::array<std::uint64_t, rich::kRichCount> hits{};

  void add(const rich::EventColumns& columns) {
    tracks += columns.species.size();
    for (std::size_t i = 0; i < columns.inside.size(); i += rich::kRichCount)
      outside += columns.inside[i] == 0 && columns.inside[i + 1] == 0 ? 1 : 0;
    for (std::size_t i = 0; i < hits.size(); ++i) hits[i] += columns.channel[i].size();
  }
};

void show_progress(std::uint64_t done, std::uint64_t events) {
  if (isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r{} of {} events{}", done, events, done == events ? "\r\033[K" : "");
  std::fflush(stderr);
}

/// This rank's part of the events [first, first + count).
rich::EventColumns share_of(const comm::ProcessGroup& group, rich::EventFactory& factory, std::uint64_t first,
                            std::uint64_t count) {
  const auto rank = static_cast<std::uint64_t>(group.rank());
  const auto ranks = static_cast<std::uint64_t>(group.size());
  const std::uint64_t begin = count * rank / ranks;
  const std::uint64_t end = count * (rank + 1) / ranks;
  return factory.make(first + begin, end - begin);
}

void report(const SimulateOptions& options, const Totals& totals, double seconds) {
  const auto events = static_cast<double>(options.events);
  log_info("{} events with {} tracks and {:.0f} + {:.0f} hits an event in {} ({:.0f} events/s)",
           options.events, totals.tracks, static_cast<double>(totals.hits[0]) / events,
           static_cast<double>(totals.hits[1]) / events, options.output, events / seconds);
  if (totals.outside > 0)
    log_info("{} tracks lie outside both RICHes; they are kept, with `inside` 0.", totals.outside);
}

ExitCode simulate(const SimulateOptions& options, Context& context) {
  context.phase = "simulation";
  comm::ProcessGroup& group = context.mpi.group();
  const rich::SimulationOptions simulation = simulation_options(options);
  const comm::World& world = context.mpi.world();
  const int threads = options.threads > 0 ? options.threads
                                          : default_threads({world.node_rank, world.node_ranks},
                                                            static_cast<std::int64_t>(kBlockEvents));
  const auto start = std::chrono::steady_clock::now();
  std::unique_ptr<rich::EventWriter> writer;
  on_rank_zero(group, "output file", [&] {
    writer = std::make_unique<rich::EventWriter>(
        options.output, options.replace ? io::Existing::replace : io::Existing::refuse, simulation);
  });
  rich::EventFactory factory(simulation, threads);
  Totals totals;
  for (std::uint64_t first = 0; first < options.events; first += kBlockEvents) {
    const std::uint64_t count = std::min(kBlockEvents, options.events - first);
    const rich::EventColumns block = gather(group, share_of(group, factory, first, count));
    on_rank_zero(group, "output file", [&] {
      writer->append(block);
      totals.add(block);
      show_progress(first + count, options.events);
    });
  }
  on_rank_zero(group, "output file", [&] {
    writer->commit();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    report(options, totals, seconds.count());
  });
  return ExitCode::done;
}

}  // namespace

void add_rich_simulate(CLI::App& rich, Action& action) {
  auto options = std::make_shared<SimulateOptions>();
  CLI::App* verb = rich.add_subcommand("simulate", "Events of both RICHes into a file");
  verb->add_option("config", options->words,
                   "YAML file, and key=value: preset, species, tracks, realism, ... (docs/rich.md)");
  verb->add_option("--events", options->events, "How many")
      ->required()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
  verb->add_option("--output", options->output, "HDF5 file to write")->required();
  verb->add_option("--seed", options->seed, "Another seed than the configuration's");
  verb->add_option("--threads", options->threads, "Of each rank (0: its share of the cores)")
      ->check(CLI::Range(0, 1024));
  verb->add_flag("--replace", options->replace, "Overwrite the output file");
  verb->callback(
      [options, &action] { action = [options](Context& context) { return simulate(*options, context); }; });
}

}  // namespace annulus::trainer
