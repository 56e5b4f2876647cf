// annulus rich reconstruct: particle hypotheses for the tracks of an event file, written back into it. Ranks
// and threads share the events; rank 0 writes.
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "base/worker_pool.hpp"
#include "rich/files/event_file.hpp"
#include "rich/files/identity_file.hpp"
#include "rich/reconstruction/reconstruction.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/commands/rich/rich.hpp"
#include "trainer/loop/rank_zero.hpp"

namespace annulus::trainer {
namespace {

/// Events read at a time.
constexpr std::uint64_t kBlockEvents = 512;
constexpr int kIdentityTag = 2;

struct ReconstructOptions {
  std::string file;
  bool local = false;
  int threads = 0;

  rich::LikelihoodKind kind() const {
    return local ? rich::LikelihoodKind::local : rich::LikelihoodKind::global;
  }
};

/// What the last lines say.
struct Totals {
  std::uint64_t events_without_hits = 0;
  std::uint64_t events_without_tracks = 0;

  void add(const rich::Event& event) {
    events_without_hits += event.hits[0].empty() && event.hits[1].empty() ? 1 : 0;
    events_without_tracks += event.tracks.empty() ? 1 : 0;
  }
};

/// Reconstructs this rank's share of a file on its threads.
class Share {
 public:
  Share(const rich::EventFile& file, rich::LikelihoodKind kind, int threads)
      : file_(file), kind_(kind), reconstruction_(file.options().preset), pool_(threads) {
    for (int i = 0; i < threads; ++i) workspaces_.emplace_back(reconstruction_);
  }

  rich::IdentityColumns run(std::uint64_t begin, std::uint64_t end) {
    rich::IdentityColumns columns;
    for (std::uint64_t first = begin; first < end; first += kBlockEvents)
      run_block(file_.read(first, std::min(kBlockEvents, end - first)), columns);
    return columns;
  }
  const Totals& totals() const { return totals_; }

 private:
  void run_block(const std::vector<rich::Event>& events, rich::IdentityColumns& columns) {
    std::vector<std::vector<rich::TrackIdentity>> found(events.size());
    std::atomic<std::size_t> next{0};  // events differ in size: each thread takes the next one
    pool_.run([&](int worker) {
      rich::Reconstruction::Workspace& workspace = workspaces_[static_cast<std::size_t>(worker)];
      for (std::size_t i = next++; i < events.size(); i = next++)
        found[i] = reconstruction_.run(events[i], kind_, workspace);
    });
    for (std::size_t i = 0; i < events.size(); ++i) {
      columns.append(found[i]);
      totals_.add(events[i]);
    }
  }

  const rich::EventFile& file_;
  rich::LikelihoodKind kind_;
  rich::Reconstruction reconstruction_;
  WorkerPool pool_;
  std::vector<rich::Reconstruction::Workspace> workspaces_;
  Totals totals_;
};

/// Brings the results of all ranks to rank 0, in the order of ranks. Collective; the others keep nothing.
rich::IdentityColumns gather(comm::ProcessGroup& group, rich::IdentityColumns mine) {
  if (group.size() == 1) return mine;
  const std::vector<std::byte> bytes = packed(mine);
  const std::uint64_t size = bytes.size();
  const auto floats_for = [](std::uint64_t count) { return (count + sizeof(float) - 1) / sizeof(float); };
  std::vector<std::uint64_t> sizes(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&size, 1)), std::as_writable_bytes(std::span(sizes)),
                   "the other ranks to reconstruct their events");
  if (group.rank() != 0) {
    std::vector<float> message(floats_for(size));
    if (size > 0) std::memcpy(message.data(), bytes.data(), size);
    group.wait(*group.start_send(message, 0, kIdentityTag), "rank 0 to take reconstructed tracks");
    return {};
  }
  for (int peer = 1; peer < group.size(); ++peer) {
    const std::uint64_t peer_bytes = sizes[static_cast<std::size_t>(peer)];
    std::vector<float> message(floats_for(peer_bytes));
    group.wait(*group.start_receive(message, peer, kIdentityTag), "reconstructed tracks");
    mine.append(rich::unpacked_identities(std::as_bytes(std::span(message)).first(peer_bytes)));
  }
  return mine;
}

Totals sum_over(comm::ProcessGroup& group, const Totals& mine) {
  std::vector<Totals> all(static_cast<std::size_t>(group.size()));
  group.all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)),
                   "event counts");
  Totals sum;
  for (const Totals& totals : all) {
    sum.events_without_hits += totals.events_without_hits;
    sum.events_without_tracks += totals.events_without_tracks;
  }
  return sum;
}

void report(const ReconstructOptions& options, const rich::IdentityColumns& columns, const Totals& totals) {
  std::array<std::uint64_t, rich::kSpeciesCount> counts{};
  std::uint64_t unseen = 0;
  for (std::size_t i = 0; i < columns.tracks(); ++i) {
    counts[columns.best[i]] += 1;
    unseen += columns.seen[2 * i] == 0 && columns.seen[2 * i + 1] == 0 ? 1 : 0;
  }
  std::string named;
  for (const rich::Species species : rich::kAllSpecies)
    named += fmt::format("{}{} {}", named.empty() ? "" : ", ", counts[rich::index_of(species)],
                         rich::name_of(species));
  log_info("{}: most likely species by the {} likelihood: {}.", options.file,
           options.local ? "local" : "global", named);
  if (unseen > 0)
    log_info("{} tracks lie outside both RICHes: kept, with `seen` 0, all log-likelihoods equal.", unseen);
  if (totals.events_without_hits > 0)
    log_warning("{} events have no hits at all; their tracks are named by the light that is missing.",
                totals.events_without_hits);
  if (totals.events_without_tracks > 0)
    log_info("{} events have no tracks; nothing to do in them.", totals.events_without_tracks);
}

ExitCode reconstruct(const ReconstructOptions& options, Context& context) {
  comm::ProcessGroup& group = context.mpi.group();
  const comm::World& world = context.mpi.world();
  std::optional<rich::EventFile> file;
  // Rank 0 first: what is wrong with the file is said once.
  on_rank_zero(group, "event file", [&] { file.emplace(options.file); });
  if (!file) file.emplace(options.file);
  const int threads = options.threads > 0 ? options.threads
                                          : default_threads({world.node_rank, world.node_ranks},
                                                            static_cast<std::int64_t>(kBlockEvents));
  const auto start = std::chrono::steady_clock::now();
  Share share(*file, options.kind(), threads);
  const auto rank = static_cast<std::uint64_t>(group.rank());
  const auto ranks = static_cast<std::uint64_t>(group.size());
  const std::uint64_t events = file->events();
  rich::IdentityColumns mine = share.run(events * rank / ranks, events * (rank + 1) / ranks);
  const rich::IdentityColumns all = gather(group, std::move(mine));
  const Totals totals = sum_over(group, share.totals());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  file.reset();
  on_rank_zero(group, "event file", [&] {
    write_identities(options.file, all, options.kind());
    report(options, all, totals);
    log_info("{} events in {:.1f} s ({:.0f} events/s)", events, seconds.count(),
             static_cast<double>(events) / seconds.count());
  });
  return ExitCode::done;
}

}  // namespace

void add_rich_reconstruct(Verb& rich, Action& action) {
  auto options = std::make_shared<ReconstructOptions>();
  Verb* verb = rich.add_subcommand("reconstruct", "Particle hypotheses for the tracks of an event file");
  verb->add_option("file", options->file, "HDF5 file of `annulus rich simulate`; the result is added to it")
      ->required();
  verb->add_flag("--local", options->local, "One ring at a time instead of all tracks of an event together");
  verb->add_option("--threads", options->threads, "Of each rank (0: its share of the cores)")
      ->within(0, 1024);
  verb->callback([options, &action] {
    action = [options](Context& context) { return reconstruct(*options, context); };
  });
}

}  // namespace annulus::trainer
