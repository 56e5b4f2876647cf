// annulus rich simulate: events of both RICHes into an HDF5 file. Ranks and threads share the events; rank 0
// writes them in order.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "rich/event_factory.hpp"
#include "rich/event_file.hpp"
#include "trainer/commands/rich.hpp"
#include "trainer/commands/rich_config.hpp"
#include "trainer/commands/rich_gather.hpp"
#include "trainer/device.hpp"
#include "trainer/rank_zero.hpp"

namespace annulus::trainer {
namespace {

/// Events that are simulated together and written in one piece, of all ranks: fixed, so that the bytes of the
/// file do not depend on the number of ranks or threads.
constexpr std::uint64_t kBlockEvents = 256;

struct SimulateOptions {
  std::vector<std::string> words;  ///< a config file, key=value
  std::string output;
  std::uint64_t events = 0;
  std::optional<std::uint64_t> seed;
  int threads = 0;
  bool replace = false;
};

SimulationConfig simulation_config(const SimulateOptions& options) {
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
  SimulationConfig result = load_simulation(config, overrides);
  if (options.seed) result.simulation.seed = *options.seed;
  return result;
}

/// A stretch of events and the training rows made from them.
struct Block {
  rich::EventColumns events;
  rich::ImagesBySplit* images = nullptr;  ///< null when there are to be none
};

/// Makes this rank's part of the events [first, first + count).
class BlockMaker {
 public:
  BlockMaker(const SimulationConfig& config, int threads) : events_(config.simulation, threads) {
    if (config.images == EventImages::none) return;
    std::vector<rich::CoronaOptions> kinds;
    for (const rich::NamedImages& kind : rich::event_file_images()) kinds.push_back(kind.options);
    images_.emplace(config.simulation.preset, kinds, threads);
  }

  /// @param first_track  row of the first track of this rank's part
  /// @return valid until the next call
  Block make(const comm::ProcessGroup& group, std::uint64_t first, std::uint64_t count,
             std::uint64_t first_track) {
    const auto rank = static_cast<std::uint64_t>(group.rank());
    const auto ranks = static_cast<std::uint64_t>(group.size());
    const std::uint64_t begin = count * rank / ranks;
    const std::uint64_t end = count * (rank + 1) / ranks;
    const std::vector<rich::Event> events = events_.make_events(first + begin, end - begin);
    Block block;
    for (const rich::Event& event : events) block.events.append(event);
    if (images_) block.images = &images_->make(events, first_track);
    return block;
  }

 private:
  rich::EventFactory events_;
  std::optional<rich::ImageFactory> images_;
};

/// Brings a block of all ranks to rank 0, in the order of ranks. Collective; the others get nothing.
/// @param first_track  row of the block's first track
Block gather(comm::ProcessGroup& group, Block mine, std::uint64_t first_track) {
  if (group.size() == 1) return mine;
  const bool sends = group.rank() != 0;
  const std::vector<std::byte> nothing;
  const auto events =
      gather_bytes(group, sends ? packed(mine.events) : nothing, "rank 0 to take simulated events");
  std::vector<std::vector<std::byte>> images;
  if (mine.images != nullptr)
    images = gather_bytes(group, sends ? packed(*mine.images) : nothing, "rank 0 to take images");
  if (sends) return {};
  for (std::size_t peer = 1; peer < events.size(); ++peer) {
    if (mine.images != nullptr)
      append_packed(images[peer], first_track + mine.events.species.size(), *mine.images);
    mine.events.append(rich::unpacked(events[peer]));
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
  const SimulationConfig config = simulation_config(options);
  const comm::World& world = context.mpi.world();
  const int threads = options.threads > 0 ? options.threads
                                          : default_threads({world.node_rank, world.node_ranks},
                                                            static_cast<std::int64_t>(kBlockEvents));
  const auto start = std::chrono::steady_clock::now();
  std::unique_ptr<rich::EventWriter> writer;
  on_rank_zero(group, "output file", [&] {
    writer = std::make_unique<rich::EventWriter>(
        options.output, options.replace ? io::Existing::replace : io::Existing::refuse, config.simulation);
    if (config.images != EventImages::none) writer->expect_images(rich::event_file_images());
  });
  BlockMaker maker(config, threads);
  Totals totals;
  for (std::uint64_t first = 0; first < options.events; first += kBlockEvents) {
    const std::uint64_t count = std::min(kBlockEvents, options.events - first);
    // Only rank 0 knows how many tracks there were; it corrects the rows of the others.
    const std::uint64_t first_track = totals.tracks;
    const Block block = gather(group, maker.make(group, first, count, first_track), first_track);
    on_rank_zero(group, "output file", [&] {
      writer->append(block.events);
      if (block.images != nullptr) writer->append(*block.images);
      totals.add(block.events);
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
