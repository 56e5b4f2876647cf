// See checkpoint.hpp. Sizes always come from the network, never from the file: what differs is an error
// before anything is read.
#include "trainer/run/checkpoint.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "io/files/durable_file.hpp"
#include "io/hdf5/file.hpp"
#include "trainer/loop/state_hash.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/signature_file.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSchema = "annulus-checkpoint-1";

std::uint64_t bytes_of(const std::vector<StateTensor>& tensors) {
  std::uint64_t bytes = 0;
  for (const StateTensor& tensor : tensors)
    bytes += sizeof(float) * static_cast<std::uint64_t>(element_count(tensor.place.extents));
  return bytes;
}

/// Those of the model, or those of the optimizer.
std::vector<StateTensor> below(const std::string& group, std::vector<StateTensor> tensors) {
  std::erase_if(tensors, [&](const StateTensor& tensor) { return !tensor.path.starts_with(group + "/"); });
  return tensors;
}

void write_attributes(io::Hdf5File& file, const CheckpointInfo& info) {
  file.set_attribute("/", "schema", kSchema);
  file.set_attribute("/", "step", info.step);
  file.set_attribute("/", "epoch", info.epoch);
  file.set_attribute("/", "step_in_epoch", info.step_in_epoch);
  file.set_attribute("/", "seed", info.seed);
  file.set_attribute("/", "config", info.config);
  file.set_attribute("/", "metrics", info.metrics);
  file.set_attribute("/", "program", info.program);
  file.set_attribute("/", "dataset", info.dataset);
  file.set_attribute("/", "device", info.device);
  file.set_attribute("/", "validated_on", info.validated_on);
  file.set_attribute("/", "validation_data", info.validation_data);
  file.set_attribute("/", "machine", info.numbers.machine);
  file.set_attribute("/", "instructions", info.numbers.instructions);
  file.set_attribute("/", "trial", info.numbers.trial);
  file.set_attribute("/", "trial_subject", info.numbers.subject);
  file.set_attribute("/", "streams", info.streams);
  if (info.data) write_signature(file, *info.data);
}

/// Nothing where an older version wrote the file.
NumbersRecord read_numbers(const io::Hdf5File& file) {
  for (const char* name : {"machine", "instructions", "trial", "trial_subject"})
    if (!file.has_attribute("/", name)) return {};
  return {.machine = file.string_attribute("/", "machine"),
          .instructions = file.string_attribute("/", "instructions"),
          .trial = file.uint64_attribute("/", "trial"),
          .subject = file.uint64_attribute("/", "trial_subject")};
}

/// An attribute that older versions did not write.
std::string later_attribute(const io::Hdf5File& file, const std::string& name) {
  return file.has_attribute("/", name) ? file.string_attribute("/", name) : "";
}

/// Of no use to the model: where it cannot be read, what else is in the file can be.
std::string metrics_in(const io::Hdf5File& file) {
  try {
    return file.string_attribute("/", "metrics");
  } catch (const DataError& error) {
    log_debug("{}", error.what());
    return "";
  }
}

CheckpointInfo read_attributes(const io::Hdf5File& file) {
  const std::string schema = file.string_attribute("/", "schema");
  if (schema != kSchema)
    throw DataError("{}: has the schema {}, but this program reads {}. Use the version that wrote it.",
                    file.path(), schema, kSchema);
  return {.step = file.uint64_attribute("/", "step"),
          .epoch = file.uint64_attribute("/", "epoch"),
          .step_in_epoch = file.uint64_attribute("/", "step_in_epoch"),
          .seed = file.uint64_attribute("/", "seed"),
          .config = file.string_attribute("/", "config"),
          .metrics = metrics_in(file),
          .program = file.string_attribute("/", "program"),
          .dataset = file.string_attribute("/", "dataset"),
          .device = later_attribute(file, "device"),
          .validated_on = later_attribute(file, "validated_on"),
          .validation_data = later_attribute(file, "validation_data"),
          .numbers = read_numbers(file),
          .streams = file.has_attribute("/", "streams") ? file.uint64_attribute("/", "streams") : 1,
          .state_hash = file.uint64_attribute("/", "state_hash"),
          .data = read_signature(file)};
}

/// @return the state hash, of the very values that were written
std::uint64_t write_tensors(io::Hdf5File& file, const Replica& replica, const StateView& state) {
  StateHasher hasher;
  for (const StateTensor& tensor : state_tensors(replica, state)) {
    const std::vector<float> values = read_tensor(replica, tensor, state);
    hasher.add(values);
    file.write<float>(tensor.path, tensor.place.extents, values);
  }
  hasher.add(state.updates);
  return hasher.value();
}

/// What differs between the datasets of a group in the file and those that the network asks for.
std::vector<std::string> differences(const io::Hdf5File& file, const std::string& group,
                                     const std::vector<StateTensor>& tensors) {
  const std::vector<std::string> datasets = file.datasets(group, 3);
  std::set<std::string> found(datasets.begin(), datasets.end());
  std::vector<std::string> texts;
  for (const StateTensor& tensor : tensors) {
    if (found.erase(tensor.path) == 0) {
      texts.push_back(tensor.path + " is missing");
      continue;
    }
    const io::DatasetInfo info = file.dataset(tensor.path).info();
    if (info.extents != tensor.place.extents)
      texts.push_back(fmt::format("{} is ({}) in the file and ({}) in the network", tensor.path,
                                  fmt::join(info.extents, ", "), fmt::join(tensor.place.extents, ", ")));
  }
  for (const std::string& extra : found) texts.push_back(extra + " is not asked for");
  return texts;
}

void check_fits(const io::Hdf5File& file, const std::string& group, const std::vector<StateTensor>& tensors) {
  std::vector<std::string> texts = differences(file, group, tensors);
  if (texts.empty()) return;
  constexpr std::size_t kShown = 6;
  const std::size_t hidden = texts.size() > kShown ? texts.size() - kShown : 0;
  texts.resize(texts.size() - hidden);
  throw DataError(
      "{}: does not fit the {} of this run: {}{}. Use the config that the checkpoint was made with (it is stored in its attribute `config`).",
      file.path(), group == "optimizer" ? "optimizer" : "network", fmt::join(texts, "; "),
      hidden > 0 ? fmt::format("; and {} more", hidden) : "");
}

std::vector<float> stored_values(const io::Hdf5File& file, const StateTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(element_count(tensor.place.extents)));
  file.read<float>(tensor.path, values);
  return values;
}

/// Whether somebody may have meant another file: a whole one, with other things in it.
bool is_something_else(const std::string& path) {
  try {
    const io::Hdf5File file = io::Hdf5File::open(path);
    return !file.has_attribute("/", "schema") ||
           !file.string_attribute("/", "schema").starts_with("annulus-checkpoint");
  } catch (const DataError&) {  // damaged
    return false;
  }
}

void check_seal(const std::string& path) {
  const auto wrong = io::broken_seal(path);
  if (wrong && is_something_else(path))
    throw DataError(
        "{}: is not a checkpoint of this program, but another HDF5 file: one with images, perhaps. Name a checkpoint, such as runs/NAME/checkpoints/best, or a run directory.",
        path);
  if (wrong) throw DataError("{}: {}. Use another checkpoint of the run.", path, *wrong);
}

io::Hdf5File open_verified(const std::string& path) {
  check_seal(path);
  return io::Hdf5File::open(path);
}

/// @return the state hash
std::uint64_t write_file(const fs::path& path, const CheckpointInfo& info, const Replica& replica,
                         const StateView& state) {
  io::Hdf5File file = io::Hdf5File::create(path.string(), io::Existing::replace);
  write_attributes(file, info);
  file.create_group("optimizer");
  const std::uint64_t hash = write_tensors(file, replica, state);
  file.set_attribute("optimizer", "steps", state.updates);
  file.set_attribute("/", "state_hash", hash);
  file.close();
  io::seal_file(path);
  return hash;
}

/// Reads everything back from the disk. Tensors in the order of the hash.
void verify_file(const fs::path& path, const std::vector<StateTensor>& tensors, std::uint64_t expected) {
  check_seal(path.string());
  const io::Hdf5File file = io::Hdf5File::open_own(path.string());
  StateHasher hasher;
  for (const StateTensor& tensor : tensors) hasher.add(stored_values(file, tensor));
  hasher.add(file.uint64_attribute("optimizer", "steps"));
  if (hasher.value() != expected)
    throw DataError("{}: read back, the state has the hash {:016x} instead of {:016x}. Is the disk failing?",
                    path.string(), hasher.value(), expected);
}

void check_hash(const std::string& path, std::uint64_t found, std::uint64_t recorded) {
  if (found != recorded)
    throw DataError(
        "{}: the state read has the hash {:016x}, but {:016x} is recorded. The file was changed or is from another version; use another checkpoint.",
        path, found, recorded);
}

/// Arenas of a state whose optimizer nobody has made: as the file names them. Only the names are of use.
StateView as_stored(const io::Hdf5File& file, Replica& replica) {
  StateView view{.arenas = {{"parameters", replica.parameters()}, {"statistics", replica.statistics()}}};
  const std::vector<std::string> stored = file.members("optimizer");
  const auto states = states_in_order(stored);
  if (!states)
    throw DataError(
        "{}: no optimizer of this program has just the states that lie in /optimizer: {}. The file was changed or is from another version; use another checkpoint.",
        file.path(), shown_names(std::span(stored).first(std::min<std::size_t>(9, stored.size()))));
  for (const std::string& state : *states) view.arenas.push_back({state, {}});
  return view;
}

/// Parameters and moving averages; the states of the optimizer are read for the hash alone.
void load_parameters(const io::Hdf5File& file, const CheckpointInfo& info, Replica& replica) {
  const std::vector<StateTensor> tensors = state_tensors(replica, as_stored(file, replica));
  for (const char* group : {"parameters", "optimizer"}) check_fits(file, group, below(group, tensors));
  StateHasher hasher;
  for (const StateTensor& tensor : tensors) {
    const std::vector<float> values = stored_values(file, tensor);
    hasher.add(values);
    if (tensor.path.starts_with("parameters/"))
      write_tensor(replica, tensor.place, values, arena_of(replica, tensor.place));
  }
  hasher.add(file.uint64_attribute("optimizer", "steps"));
  check_hash(file.path(), hasher.value(), info.state_hash);
}

/// States of the same name are not always the same thing: lion's m is no mean, as adam's is.
bool is_of_another(const io::Hdf5File& file, const CheckpointInfo& info, Optimizer& optimizer) {
  std::vector<std::string> stored = file.members("optimizer");
  std::vector<std::string> wanted;
  for (const StateArena& state : optimizer.states()) wanted.push_back(state.name);
  std::ranges::sort(stored);
  std::ranges::sort(wanted);
  if (stored != wanted) return true;
  try {
    return parse_stored_config(info.config, file.path()).config.optimizer.kind != optimizer.config().kind;
  } catch (const Error& error) {  // a file of another making, whose states fit
    log_debug("{}: its optimizer is not known: {}", file.path(), error.what());
    return false;
  }
}

}  // namespace

std::uint64_t write_checkpoint(const std::string& path, const CheckpointInfo& info, const Replica& replica,
                               const StateView& state) {
  const std::vector<StateTensor> tensors = state_tensors(replica, state);
  const fs::path partial = io::partial_name(path);
  constexpr std::uint64_t kOverhead = 1 << 20;  // names, attributes and padding of the file, generously
  const std::uint64_t needed = bytes_of(tensors) + kOverhead;
  std::string reason;
  // Read back from the disk before it gets its name: a file that was written is not yet one that can be read.
  try {
    io::check_space(partial, needed);
    const std::uint64_t hash = write_file(partial, info, replica, state);
    io::sync_to_disk(partial);
    verify_file(partial, tensors, hash);
    io::publish_file(partial, path);
    return hash;
  } catch (const std::exception& error) {  // whatever it is, the user must know what became of the files
    reason = error.what();
  }
  std::error_code ignored;  // the first error is the one to report
  fs::remove(partial, ignored);
  const fs::path directory = partial.has_parent_path() ? partial.parent_path() : fs::path(".");
  std::error_code unknown;
  const fs::space_info space = fs::space(directory, unknown);
  throw RuntimeError(
      "checkpoint {} was not written: {} It needs about {:.1f} MB{}. Earlier checkpoints are untouched: free some space (or lower checkpoint.keep_last) and start again with --resume auto.",
      path, reason, static_cast<double>(needed) / 1e6,
      unknown ? "" : fmt::format(", and {:.1f} MB are free", static_cast<double>(space.available) / 1e6));
}

std::uint64_t write_checkpoint(const std::string& path, const CheckpointInfo& info, Replica& replica,
                               Optimizer& optimizer) {
  return write_checkpoint(path, info, replica, view_of(replica, optimizer));
}

CheckpointInfo glance_at_checkpoint(const std::string& path) {
  return read_attributes(io::Hdf5File::open(path));
}

CheckpointInfo read_checkpoint_info(const std::string& path) { return read_attributes(open_verified(path)); }

CheckpointInfo load_model(const std::string& path, Replica& replica) {
  const io::Hdf5File file = open_verified(path);
  CheckpointInfo info = read_attributes(file);
  load_parameters(file, info, replica);
  return info;
}

CheckpointInfo load_checkpoint(const std::string& path, Replica& replica, Optimizer& optimizer,
                               OtherOptimizer other) {
  const io::Hdf5File file = open_verified(path);
  CheckpointInfo info = read_attributes(file);
  if (other == OtherOptimizer::starts_anew && is_of_another(file, info, optimizer)) {
    load_parameters(file, info, replica);
    for (const StateArena& arena : optimizer.states()) std::ranges::fill(arena.values, 0.0f);
    optimizer.set_steps(0);
    info.optimizer_anew = true;
    return info;
  }
  const std::vector<StateTensor> tensors = state_tensors(replica, view_of(replica, optimizer));
  // All is checked before the first value is written into the replica: what does not fit leaves it as it was.
  for (const char* group : {"parameters", "optimizer"}) check_fits(file, group, below(group, tensors));
  for (const StateTensor& tensor : tensors)
    write_tensor(replica, optimizer, tensor, stored_values(file, tensor));
  optimizer.set_steps(file.uint64_attribute("optimizer", "steps"));
  check_hash(path, state_hash(replica, optimizer), info.state_hash);
  return info;
}

}  // namespace annulus::trainer
