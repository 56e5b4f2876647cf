// annulus rich images: another kind of images from the events of a file, as a dataset of their own. Ranks and
// threads share the events; rank 0 writes them in order.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "base/log.hpp"
#include "io/files/atomic_file.hpp"
#include "rich/files/event_file.hpp"
#include "rich/files/image_file.hpp"
#include "trainer/backend/device.hpp"
#include "trainer/commands/rich/gather.hpp"
#include "trainer/commands/rich/rich.hpp"
#include "trainer/loop/rank_zero.hpp"

namespace annulus::trainer {
namespace {

/// Events whose images are written in one piece, of all ranks: fixed, so that the bytes of the file do not
/// depend on the number of ranks or threads.
constexpr std::uint64_t kBlockEvents = 256;

struct ImagesOptions {
  std::string file;
  std::string output;
  std::string window = "scaled";
  std::string coordinates = "quartic";
  std::string detectors = "both";
  rich::CoronaOptions kind;
  int threads = 0;
  bool replace = false;
};

rich::CoronaOptions kind_of(const ImagesOptions& options) {
  rich::CoronaOptions kind = options.kind;
  // The command line has let only such words pass.
  kind.window = enum_of<rich::CoronaWindow>(options.window).value();
  kind.coordinates = enum_of<rich::CoronaCoordinates>(options.coordinates).value();
  kind.detectors = enum_of<rich::CoronaDetectors>(options.detectors).value();
  return kind;
}

/// Makes the images of this rank's part of a block and brings all of them to rank 0.
class Blocks {
 public:
  Blocks(const rich::EventFile& file, const rich::CoronaOptions& kind, int threads)
      : file_(file), factory_(file.options().preset, {kind}, threads) {}

  /// Rows of the events [first, first + count), of each rank a stretch, on rank 0. Collective.
  /// @return valid until the next call
  const rich::ImagesBySplit& make(comm::ProcessGroup& group, std::uint64_t first, std::uint64_t count) {
    const auto rank = static_cast<std::uint64_t>(group.rank());
    const auto ranks = static_cast<std::uint64_t>(group.size());
    const std::uint64_t begin = first + count * rank / ranks;
    const std::uint64_t end = first + count * (rank + 1) / ranks;
    const std::vector<rich::Event> events = file_.read(begin, end - begin);
    rich::ImagesBySplit& images = factory_.make(events, file_.first_track(begin));
    if (group.size() == 1) return images;
    const auto others = gather_bytes(group, group.rank() == 0 ? std::vector<std::byte>{} : packed(images),
                                     "rank 0 to take images");
    for (std::size_t peer = 1; peer < others.size(); ++peer) append_packed(others[peer], 0, images);
    return images;
  }

 private:
  const rich::EventFile& file_;
  rich::ImageFactory factory_;
};

ExitCode make_images(const ImagesOptions& options, Context& context) {
  comm::ProcessGroup& group = context.mpi.group();
  const comm::World& world = context.mpi.world();
  const rich::CoronaOptions kind = kind_of(options);
  check_options(kind);
  std::optional<rich::EventFile> file;
  std::unique_ptr<rich::ImageWriter> writer;
  // Rank 0 first: what is wrong with the files is said once.
  on_rank_zero(group, "event file", [&] {
    file.emplace(options.file);
    io::make_folder_of(options.output);
    writer = std::make_unique<rich::ImageWriter>(
        options.output, options.replace ? io::Existing::replace : io::Existing::refuse, kind, options.file);
  });
  if (!file) file.emplace(options.file);
  const int threads = options.threads > 0 ? options.threads
                                          : default_threads({world.node_rank, world.node_ranks},
                                                            static_cast<std::int64_t>(kBlockEvents));
  const auto start = std::chrono::steady_clock::now();
  Blocks blocks(*file, kind, threads);
  for (std::uint64_t first = 0; first < file->events(); first += kBlockEvents) {
    const rich::ImagesBySplit& images =
        blocks.make(group, first, std::min(kBlockEvents, file->events() - first));
    on_rank_zero(group, "output file", [&] { writer->append(images); });
  }
  on_rank_zero(group, "output file", [&] {
    writer->commit();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    log_info("{}: images of {} tracks, {} x {} x {}, {} window, {} coordinates ({:.0f} tracks/s)",
             options.output, file->tracks(), kind.size, kind.size, kind.channels(), options.window,
             options.coordinates, static_cast<double>(file->tracks()) / seconds.count());
  });
  return ExitCode::done;
}

}  // namespace

void add_rich_images(Verb& rich, Action& action) {
  auto options = std::make_shared<ImagesOptions>();
  Verb* verb = rich.add_subcommand("images", "Training images of another kind from an event file");
  verb->add_option("file", options->file, "HDF5 file of `annulus rich simulate`")->required();
  verb->add_option("--output", options->output, "HDF5 dataset to write")->required();
  verb->add_option("--window", options->window, "Angles of the rows: the same for all tracks, or by momentum")
      ->one_of(words_list<rich::CoronaWindow>())
      ->capture_default_str();
  verb->add_option("--coordinates", options->coordinates, "Cherenkov angles, or radii on the plane")
      ->one_of(words_list<rich::CoronaCoordinates>())
      ->capture_default_str();
  verb->add_option("--detectors", options->detectors, "Channels of the images")
      ->one_of(words_list<rich::CoronaDetectors>())
      ->capture_default_str();
  verb->add_option("--size", options->kind.size, "Rows, and columns")->capture_default_str();
  verb->add_option("--clip", options->kind.clip, "Largest count in a pixel")->capture_default_str();
  verb->add_option("--threads", options->threads, "Of each rank (0: its share of the cores)")
      ->within(0, 1024);
  verb->add_flag("--replace", options->replace, "Overwrite the output file");
  verb->callback([options, &action] {
    action = [options](Context& context) { return make_images(*options, context); };
  });
}

}  // namespace annulus::trainer
