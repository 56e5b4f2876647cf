// annulus rich simulate: events of both RICHes into an HDF5 file. Ranks and threads share the events; rank 0
// writes them in order.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <numeric>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/log.hpp"
#include "io/files/atomic_file.hpp"
#include "rich/files/event_file.hpp"
#include "rich/simulation/event_factory.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/commands/rich/config.hpp"
#include "trainer/commands/rich/gather.hpp"
#include "trainer/commands/rich/rich.hpp"
#include "trainer/loop/rank_zero.hpp"

namespace annulus::trainer {
namespace {

/// Events that are simulated together and written in one piece, of all ranks: fixed, so that the bytes of the
/// file do not depend on the number of ranks or threads.
constexpr std::uint64_t kBlockEvents = 256;

/// Blocks after which the ranks meet, to share out the work anew and to hear of errors. Rarely, as every rank
/// then waits for the slowest.
constexpr std::uint64_t kMostBlocksBetweenMeetings = 8;

/// Blocks by which the others may be ahead of rank 0.
constexpr std::size_t kBlocksAhead = 2;

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

/// Makes this rank's part of a block.
class BlockMaker {
 public:
  BlockMaker(const SimulationConfig& config, int threads) : events_(config.simulation, threads) {
    if (config.images == EventImages::none) return;
    std::vector<rich::CoronaOptions> kinds;
    for (const rich::NamedImages& kind : rich::event_file_images()) kinds.push_back(kind.options);
    images_.emplace(config.simulation.preset, kinds, threads);
  }

  /// @param first_track  row of the first track of this rank's part
  /// @return valid until the next call; the caller may append to it
  Block& make(std::uint64_t first, std::uint64_t count, std::uint64_t first_track) {
    const std::vector<rich::Event> events = events_.make_events(first, count);
    block_.events.clear();
    for (const rich::Event& event : events) block_.events.append(event);
    if (images_) block_.images = &images_->make(events, first_track);
    return block_;
  }

 private:
  rich::EventFactory events_;
  std::optional<rich::ImageFactory> images_;
  Block block_;  ///< here for its memory
};

/// Seconds that a rank has worked, waiting for others left out.
class WorkClock {
 public:
  template <class Work>
  auto time(Work&& work) {
    const auto start = std::chrono::steady_clock::now();
    const auto stop = [&] {
      seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      stop();
    } else {
      auto result = work();
      stop();
      return result;
    }
  }
  double seconds() const { return seconds_; }

 private:
  double seconds_ = 0;
};

/// How the events of a block are shared out: by what each rank managed before. Rank 0 also collects and
/// writes, which would leave the others waiting. The file does not show who made what.
class Shares {
 public:
  explicit Shares(const comm::ProcessGroup& group)
      : rank_(static_cast<std::size_t>(group.rank())), speeds_(static_cast<std::size_t>(group.size()), 1.0) {}

  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  /// Which of a block's `count` events are this rank's. Every rank computes all borders from the same
  /// numbers, so they fit together without a message.
  Range of(std::uint64_t count) const {
    const auto up_to = [&](std::size_t ranks) {
      const auto middle = speeds_.begin() + static_cast<std::ptrdiff_t>(ranks);
      const double before = std::accumulate(speeds_.begin(), middle, 0.0);
      const double all = std::accumulate(middle, speeds_.end(), before);
      return ranks == speeds_.size() ? count
                                     : static_cast<std::uint64_t>(static_cast<double>(count) * before / all);
    };
    return {up_to(rank_), up_to(rank_ + 1)};
  }

  /// Collective.
  void learn(comm::ProcessGroup& group, std::uint64_t events, double seconds) {
    if (group.size() == 1) return;
    const double mine = static_cast<double>(events) / std::max(seconds, 1e-6);
    std::vector<double> measured(speeds_.size());
    group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(measured)),
                     "the speed of simulation");
    // A rank that was held up once still gets a part; half of the old value keeps the shares calm.
    const double fastest = std::max(std::ranges::max(measured), 1e-6);
    for (std::size_t i = 0; i < speeds_.size(); ++i)
      speeds_[i] = 0.5 * (speeds_[i] + std::max(measured[i] / fastest, 0.1));
  }

 private:
  std::size_t rank_;
  std::vector<double> speeds_;  ///< relative
};

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
  log_info("{} events with {} tracks and {:.0f} + {:.0f} hits per event in {} ({:.0f} events/s)",
           options.events, totals.tracks, static_cast<double>(totals.hits[0]) / events,
           static_cast<double>(totals.hits[1]) / events, options.output, events / seconds);
  if (totals.outside > 0)
    log_info("{} tracks lie outside both RICHes; they are kept, with `inside` 0.", totals.outside);
}

/// Puts a file together block by block. The ranks but 0 send their parts and go on: while rank 0 writes a
/// block they make the next, and nobody waits for the file.
class FileAssembly {
 public:
  FileAssembly(const SimulateOptions& options, const SimulationConfig& config, Context& context)
      : options_(options),
        group_(context.mpi.group()),
        with_images_(config.images != EventImages::none),
        maker_(config, threads_of(options, context.mpi.world())),
        shares_(group_),
        sender_(group_, kBlocksAhead * (with_images_ ? 2 : 1), "rank 0 to take what was simulated") {
    on_rank_zero(group_, "output file", [&] {
      io::make_folder_of(options.output);
      writer_.emplace(options.output, options.replace ? io::Existing::replace : io::Existing::refuse,
                      config.simulation);
      if (with_images_) writer_->expect_images(rich::event_file_images());
    });
  }

  Totals run() {
    std::uint64_t blocks = 1;  // at first the shares are a guess
    for (std::uint64_t first = 0; first < options_.events;) {
      const std::uint64_t end = std::min(first + blocks * kBlockEvents, options_.events);
      for (; first < end; first += std::min(kBlockEvents, end - first)) {
        if (writes())
          assemble(first);
        else
          send(first);
      }
      share_failure();
      shares_.learn(group_, std::exchange(made_, 0), std::exchange(work_, {}).seconds());
      blocks = std::min(2 * blocks, kMostBlocksBetweenMeetings);
    }
    on_rank_zero(group_, "output file", [this] { writer_->commit(); });
    return totals_;
  }

 private:
  static int threads_of(const SimulateOptions& options, const comm::World& world) {
    if (options.threads > 0) return options.threads;
    return default_threads({world.node_rank, world.node_ranks}, static_cast<std::int64_t>(kBlockEvents));
  }

  bool writes() const { return group_.rank() == 0; }

  /// This rank's part of the block that starts at event `first`.
  Block& make(std::uint64_t first) {
    const Shares::Range mine = shares_.of(std::min(kBlockEvents, options_.events - first));
    made_ += mine.end - mine.begin;
    // Only rank 0 knows how many tracks there were; it corrects the rows of the others.
    return maker_.make(first + mine.begin, mine.end - mine.begin, totals_.tracks);
  }

  void send(std::uint64_t first) {
    std::vector<std::byte> images;
    std::vector<std::byte> events = work_.time([&] {
      const Block& block = make(first);
      if (block.images != nullptr) images = packed(*block.images);
      return packed(block.events);
    });
    sender_.send(std::move(events));
    if (with_images_) sender_.send(std::move(images));
  }

  void assemble(std::uint64_t first) {
    Block& block = *work_.time([&] { return &make(first); });
    for (int peer = 1; peer < group_.size(); ++peer) {
      receive_part(group_, peer, "simulated events", events_part_);
      if (with_images_) receive_part(group_, peer, "images of simulated events", images_part_);
      work_.time([&] {
        if (with_images_)
          append_packed(images_part_, totals_.tracks + block.events.species.size(), *block.images);
        append_packed(events_part_, block.events);
      });
    }
    if (!failure_) write(first, block);
  }

  void write(std::uint64_t first, const Block& block) {
    try {
      work_.time([&] {
        writer_->append(block.events);
        if (block.images != nullptr) writer_->append(*block.images);
      });
      totals_.add(block.events);
      show_progress(std::min(first + kBlockEvents, options_.events), options_.events);
    } catch (const Error&) {
      failure_ = std::current_exception();  // the others learn of it where they next meet
    }
  }

  void share_failure() {
    on_rank_zero(group_, "output file", [this] {
      if (failure_) std::rethrow_exception(failure_);
    });
  }

  const SimulateOptions& options_;
  comm::ProcessGroup& group_;
  bool with_images_;
  std::optional<rich::EventWriter> writer_;  ///< of rank 0
  BlockMaker maker_;
  Shares shares_;
  PartSender sender_;                   ///< of the other ranks
  std::vector<std::byte> events_part_;  ///< here for their memory
  std::vector<std::byte> images_part_;
  WorkClock work_;              ///< since the ranks met
  std::uint64_t made_ = 0;      ///< events, since then
  Totals totals_;               ///< of rank 0
  std::exception_ptr failure_;  ///< of rank 0
};

ExitCode simulate(const SimulateOptions& options, Context& context) {
  const SimulationConfig config = simulation_config(options);
  const auto start = std::chrono::steady_clock::now();
  const Totals totals = FileAssembly(options, config, context).run();
  if (context.mpi.group().rank() == 0) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    report(options, totals, seconds.count());
  }
  return ExitCode::done;
}

}  // namespace

void add_rich_simulate(Verb& rich, Action& action) {
  auto options = std::make_shared<SimulateOptions>();
  Verb* verb = rich.add_subcommand("simulate", "Events of both RICHes into a file");
  verb->add_option("config", options->words,
                   "YAML file, and key=value: preset, species, tracks, realism, ... (docs/rich.md)");
  verb->add_option("--events", options->events, "How many")
      ->required()
      ->within(std::uint64_t{1}, std::uint64_t{1} << 40);
  verb->add_option("--output", options->output, "HDF5 file to write")->required();
  verb->add_option("--seed", options->seed, "Another seed than the configuration's");
  verb->add_option("--threads", options->threads, "Of each rank (0: its share of the cores)")
      ->within(0, 1024);
  verb->add_flag("--replace", options->replace, "Overwrite the output file");
  verb->callback(
      [options, &action] { action = [options](Context& context) { return simulate(*options, context); }; });
}

}  // namespace annulus::trainer
