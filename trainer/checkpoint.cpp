// See checkpoint.hpp. Sizes always come from the network, never from the file: what differs is an error
// before anything is read.
#include "trainer/checkpoint.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "io/durable_file.hpp"
#include "io/hdf5_file.hpp"
#include "trainer/state_hash.hpp"
#include "trainer/tensor_list.hpp"

namespace annulus::trainer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSchema = "annulus-checkpoint-1";

/// A layer's name as one component of an HDF5 path.
std::string escape(const std::string& name) {
  expect_contract(!name.empty(), "every layer has a name");
  std::string escaped;
  for (const char c : name) {
    const bool leading_dot = c == '.' && escaped.empty();
    if (c == '/' || c == '%' || static_cast<unsigned char>(c) < 0x20 || leading_dot)
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    else
      escaped += c;
  }
  return escaped;
}

/// A dataset of the file and the tensor it belongs to.
struct Entry {
  std::string path;
  TensorPlace place;
  std::span<float> arena;
};

void add_entries(std::vector<Entry>& entries, const std::string& group,
                 const std::vector<TensorPlace>& tensors, const StateArena* state, Replica& replica) {
  for (const TensorPlace& place : tensors) {
    if (state != nullptr && place.arena != TensorPlace::Arena::parameters) continue;
    entries.push_back({.path = group + "/" + escape(place.layer) + "/" + place.name,
                       .place = place,
                       .arena = state != nullptr ? state->values : arena_of(replica, place)});
  }
}

std::vector<Entry> model_entries(Replica& replica) {
  std::vector<Entry> entries;
  add_entries(entries, "parameters", list_tensors(replica.network(), replica.layout()), nullptr, replica);
  return entries;
}

std::vector<Entry> optimizer_entries(Replica& replica, Optimizer& optimizer) {
  std::vector<Entry> entries;
  const auto tensors = list_tensors(replica.network(), replica.layout());
  for (const StateArena& state : optimizer.states())
    add_entries(entries, "optimizer/" + state.name, tensors, &state, replica);
  return entries;
}

std::uint64_t bytes_of(const std::vector<Entry>& entries) {
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries)
    bytes += sizeof(float) * static_cast<std::uint64_t>(element_count(entry.place.extents));
  return bytes;
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
  file.set_attribute("/", "state_hash", info.state_hash);
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
          .metrics = file.string_attribute("/", "metrics"),
          .program = file.string_attribute("/", "program"),
          .dataset = file.string_attribute("/", "dataset"),
          .state_hash = file.uint64_attribute("/", "state_hash")};
}

void write_entries(io::Hdf5File& file, const Replica& replica, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    const std::vector<float> values = read_tensor(replica, entry.place, entry.arena);
    file.write<float>(entry.path, entry.place.extents, values);
  }
}

/// Paths of all datasets below a group. Depth is bounded: links in a file can make circles.
void collect(const io::Hdf5File& file, const std::string& group, int depth, std::set<std::string>& found) {
  if (!file.exists(group)) return;
  for (const std::string& member : file.members(group)) {
    const std::string path = group + "/" + member;
    if (!file.exists(path)) continue;
    if (file.is_dataset(path))
      found.insert(path);
    else if (depth > 1)
      collect(file, path, depth - 1, found);
  }
}

/// What differs between the datasets of a group in the file and those that the network asks for.
std::vector<std::string> differences(const io::Hdf5File& file, const std::string& group,
                                     const std::vector<Entry>& entries) {
  std::set<std::string> found;
  collect(file, group, 3, found);
  std::vector<std::string> texts;
  for (const Entry& entry : entries) {
    if (found.erase(entry.path) == 0) {
      texts.push_back(entry.path + " is missing");
      continue;
    }
    const io::DatasetInfo info = file.dataset(entry.path).info();
    if (info.extents != entry.place.extents)
      texts.push_back(fmt::format("{} is ({}) in the file and ({}) in the network", entry.path,
                                  fmt::join(info.extents, ", "), fmt::join(entry.place.extents, ", ")));
  }
  for (const std::string& extra : found) texts.push_back(extra + " is not asked for");
  return texts;
}

void check_fits(const io::Hdf5File& file, const std::string& group, const std::vector<Entry>& entries) {
  std::vector<std::string> texts = differences(file, group, entries);
  if (texts.empty()) return;
  constexpr std::size_t kShown = 6;
  const std::size_t hidden = texts.size() > kShown ? texts.size() - kShown : 0;
  texts.resize(texts.size() - hidden);
  throw DataError(
      "{}: does not fit the {} of this run: {}{}. Use the config that the checkpoint was made with (it is "
      "stored in its attribute `config`).",
      file.path(), group == "optimizer" ? "optimizer" : "network", fmt::join(texts, "; "),
      hidden > 0 ? fmt::format("; and {} more", hidden) : "");
}

void read_entries(const io::Hdf5File& file, const Replica& replica, const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    std::vector<float> values(static_cast<std::size_t>(element_count(entry.place.extents)));
    file.read<float>(entry.path, values);
    write_tensor(replica, entry.place, values, entry.arena);
  }
}

io::Hdf5File open_verified(const std::string& path) {
  if (const auto wrong = io::broken_seal(path))
    throw DataError("{}: {}. Resume from another checkpoint of the run.", path, *wrong);
  return io::Hdf5File::open(path);
}

void write_partial(const fs::path& partial, const CheckpointInfo& info, Replica& replica,
                   Optimizer& optimizer) {
  io::Hdf5File file = io::Hdf5File::create(partial.string(), io::Existing::replace);
  write_attributes(file, info);
  write_entries(file, replica, model_entries(replica));
  file.create_group("optimizer");
  write_entries(file, replica, optimizer_entries(replica, optimizer));
  file.set_attribute("optimizer", "steps", optimizer.steps());
  file.close();
  io::seal_file(partial);
}

}  // namespace

std::uint64_t write_checkpoint(const std::string& path, const CheckpointInfo& info, Replica& replica,
                               Optimizer& optimizer) {
  CheckpointInfo complete = info;
  complete.state_hash = state_hash(replica, optimizer);
  const fs::path partial = io::partial_name(path);
  constexpr std::uint64_t kOverhead = 1 << 20;  // names, attributes and padding of the file, generously
  const std::uint64_t needed =
      bytes_of(model_entries(replica)) + bytes_of(optimizer_entries(replica, optimizer)) + kOverhead;
  std::string reason;
  try {
    io::check_space(partial, needed);
    write_partial(partial, complete, replica, optimizer);
    io::publish_file(partial, path);
    return complete.state_hash;
  } catch (const Error& error) {
    reason = error.what();
  }
  std::error_code ignored;  // the first error is the one to report
  fs::remove(partial, ignored);
  const fs::path directory = partial.has_parent_path() ? partial.parent_path() : fs::path(".");
  const fs::space_info space = fs::space(directory, ignored);
  throw RuntimeError(
      "checkpoint {} was not written: {} It needs about {:.1f} MB, and {:.1f} MB are free. Earlier "
      "checkpoints are untouched: free some space (or lower checkpoint.keep_last) and start again with "
      "--resume auto.",
      path, reason, static_cast<double>(needed) / 1e6,
      ignored ? 0.0 : static_cast<double>(space.available) / 1e6);
}

CheckpointInfo read_checkpoint_info(const std::string& path) { return read_attributes(open_verified(path)); }

CheckpointInfo load_model(const std::string& path, Replica& replica) {
  const io::Hdf5File file = open_verified(path);
  CheckpointInfo info = read_attributes(file);
  const std::vector<Entry> entries = model_entries(replica);
  check_fits(file, "parameters", entries);
  read_entries(file, replica, entries);
  return info;
}

CheckpointInfo load_checkpoint(const std::string& path, Replica& replica, Optimizer& optimizer) {
  const io::Hdf5File file = open_verified(path);
  CheckpointInfo info = read_attributes(file);
  const std::vector<Entry> model = model_entries(replica);
  const std::vector<Entry> states = optimizer_entries(replica, optimizer);
  check_fits(file, "parameters", model);
  check_fits(file, "optimizer", states);
  read_entries(file, replica, model);
  read_entries(file, replica, states);
  optimizer.set_steps(file.uint64_attribute("optimizer", "steps"));
  const std::uint64_t hash = state_hash(replica, optimizer);
  if (hash != info.state_hash)
    throw DataError(
        "{}: the state read has the hash {:016x}, but {:016x} is recorded. The file was changed or is from "
        "another version; resume from another checkpoint.",
        path, hash, info.state_hash);
  return info;
}

}  // namespace annulus::trainer
