// annulus rich display: a picture of an event and of one of its tracks.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/log.hpp"
#include "rich/files/event_file.hpp"
#include "rich/files/identity_file.hpp"
#include "rich/images/display_picture.hpp"
#include "trainer/commands/rich/rich.hpp"
#include "trainer/loop/rank_zero.hpp"

namespace annulus::trainer {
namespace {

struct DisplayOptions {
  std::string file;
  std::uint64_t event = 0;
  std::string output;
  std::optional<std::uint64_t> track;
  std::string window = "scaled";
  bool replace = false;

  io::Existing existing() const { return replace ? io::Existing::replace : io::Existing::refuse; }
};

rich::Event read_event(const rich::EventFile& file, const DisplayOptions& options) {
  if (options.event >= file.events())
    throw UsageError("{} has the events 0 to {}; there is no event {}.", options.file, file.events() - 1,
                     options.event);
  return file.read(options.event, 1).front();
}

std::size_t choose_track(const rich::Event& event, const DisplayOptions& options) {
  const auto showy = rich::showy_track(event);
  if (!showy)
    throw UsageError("Event {} of {} has no tracks, so there are no rings to show. Choose another event.",
                     options.event, options.file);
  if (!options.track) return *showy;
  if (*options.track >= event.tracks.size())
    throw UsageError("Event {} of {} has the tracks 0 to {}; there is no track {}.", options.event,
                     options.file, event.tracks.size() - 1, *options.track);
  return *options.track;
}

/// What the likelihood says of the track, where it has been asked.
std::string likelihood_of(const rich::EventFile& file, const DisplayOptions& options, std::size_t track) {
  if (!io::Hdf5File::open(options.file).exists("reconstruction")) return "";
  const rich::IdentityColumns identities = rich::read_identities(options.file);
  const auto best = static_cast<rich::Species>(identities.best[file.first_track(options.event) + track]);
  return fmt::format("; likelihood: {}", name_of(best));
}

void display(const DisplayOptions& options) {
  io::check_picture(options.output, options.existing());
  const rich::EventFile file(options.file);
  const rich::Event event = read_event(file, options);
  const std::size_t track = choose_track(event, options);
  const auto window = options.window == "fixed" ? rich::CoronaWindow::fixed : rich::CoronaWindow::scaled;
  const rich::EventDisplay shown = rich::make_display(event, track, file.options().preset, window);
  const std::string title =
      fmt::format("Event {}, track {} of {}: {}, {:.1f} GeV/c{}", options.event, track, event.tracks.size(),
                  name_of(shown.species), shown.momentum, likelihood_of(file, options, track));
  rich::picture_of(shown, title).draw(options.output, options.existing());
  log_info("{}: {}", options.output, title);
}

ExitCode show(const DisplayOptions& options, Context& context) {
  on_rank_zero(context.mpi.group(), "picture", [&] { display(options); });
  return ExitCode::done;
}

}  // namespace

void add_rich_display(Verb& rich, Action& action) {
  auto options = std::make_shared<DisplayOptions>();
  Verb* verb = rich.add_subcommand("display", "A picture of an event: hits, rings of a track, its corona");
  verb->add_option("file", options->file, "HDF5 file of `annulus rich simulate`")->required();
  verb->add_option("event", options->event, "Number of the event in the file, from 0")->required();
  verb->add_option("--output", options->output, "Picture to write: NAME.svg or NAME.png")->required();
  verb->add_option("--track", options->track,
                   "Number of the track in the event (default: the first that crosses both RICHes)");
  verb->add_option("--window", options->window, "Rows of the corona: `scaled` with the momentum, or `fixed`")
      ->one_of({"scaled", "fixed"})
      ->capture_default_str();
  verb->add_flag("--replace", options->replace, "Overwrite the picture");
  verb->callback(
      [options, &action] { action = [options](Context& context) { return show(*options, context); }; });
}

}  // namespace annulus::trainer
