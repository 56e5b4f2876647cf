// Makes the files from which the fuzz targets start, small and of every form: FOLDER/dataset,
// FOLDER/checkpoint, FOLDER/events. They are made rather than kept, so that they follow the formats.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "io/hdf5/file.hpp"
#include "rich/files/event_file.hpp"
#include "rich/simulation/event_factory.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "trainer/loop/run_state.hpp"
#include "trainer/run/checkpoint.hpp"

namespace annulus {
namespace {

namespace fs = std::filesystem;

enum class Form { plain, chunked, compressed, floats };

template <class Value>
std::vector<Value> counting(std::int64_t count, int modulus) {
  std::vector<Value> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<Value>(i % static_cast<std::size_t>(modulus));
  return values;
}

void write_split(io::Hdf5File& file, const std::string& split, Form form) {
  constexpr std::int64_t kRows = 6;
  const Extents extents{kRows, 4, 5, 2};
  io::Hdf5Layout layout;
  if (form == Form::chunked) layout = {.chunk_rows = 4, .growth = io::Hdf5Layout::Growth::extendable};
  if (form == Form::compressed) layout = {.chunk_rows = 2, .deflate = 1};
  const std::int64_t values = element_count(extents);
  if (form == Form::floats)
    file.write<float>(split + "/images", extents, counting<float>(values, 7), layout);
  else
    file.write<std::uint8_t>(split + "/images", extents, counting<std::uint8_t>(values, 251), layout);
  file.write<std::int32_t>(split + "/labels", {kRows}, counting<std::int32_t>(kRows, 3), layout);
  file.write<float>(split + "/track", {kRows, 2}, counting<float>(2 * kRows, 5));
}

void write_dataset(const fs::path& path, Form form) {
  io::Hdf5File file = io::Hdf5File::create(path.string(), io::Existing::replace);
  file.set_attribute("/", "schema", "annulus-dataset-1");
  file.set_attribute("/", "description", "a seed");
  if (form != Form::plain) file.set_attribute("/", "classes", std::vector<std::string>{"cat", "dog", "eel"});
  for (const char* split : {"train", "test"}) write_split(file, split, form);
  file.close();
}

void write_checkpoint(const fs::path& path) {
  using namespace trainer;
  FakeReplica replica;
  Optimizer optimizer({.kind = OptimizerKind::adam}, replica.network(), replica.layout());
  fill_trainable(replica, replica.parameters(), 1);
  fill_statistics(replica, 1);
  const CheckpointInfo info{
      .step = 12,
      .epoch = 1,
      .step_in_epoch = 2,
      .seed = 1,
      .config =
          "seed: 1\nnetwork:\n  input: [4, 4, 1]\n  layers:\n    - flatten\n    - dense: 2\n"
          "    - softmax\n",
      .metrics = to_json(RunState{.step = 12}),
      .program = "annulus",
      .dataset = "abc",
      .data = io::DataSignature{.classes = {"ant", "bee"},
                                .vectors = {{"track", {"p", "x"}}},
                                .pixels = {.measured = true, .largest = 255, .mean = 9, .deviation = 2}}};
  trainer::write_checkpoint(path.string(), info, replica, optimizer);
}

void write_events(const fs::path& path) {
  const rich::SimulationOptions options{.tracks = 2};
  const fs::path large = path.string() + ".large";
  rich::EventColumns columns;
  for (const rich::Event& event : rich::EventFactory(options, 1).make_events(0, 3)) columns.append(event);
  {
    rich::EventWriter writer(large.string(), io::Existing::replace, options);
    writer.append(columns);
    writer.commit();
  }
  // The same without the chunks of a long file, which are mostly empty here.
  const io::Hdf5File from = io::Hdf5File::open(large.string());
  io::Hdf5File to = io::Hdf5File::create(path.string(), io::Existing::replace);
  for (const char* name : {"schema", "preset", "mix"})
    to.set_attribute("/", name, from.string_attribute("/", name));
  to.set_attribute("/", "seed", from.uint64_attribute("/", "seed"));
  for (const char* name : {"tracks", "lowest_momentum", "highest_momentum", "ghosts_per_track", "noise_rich1",
                           "noise_rich2", "momentum_error", "smear_scale", "tail_fraction", "tail_scale",
                           "lost_fraction", "validation_fraction", "test_fraction"})
    to.set_attribute("/", name, from.double_attribute("/", name));
  rich::EventColumns::visit(columns, [&](const char* name, const auto& column, const auto&) {
    using Value = typename std::remove_cvref_t<decltype(column)>::value_type;
    to.write<Value>(name, from.extents(name), column);
  });
  to.close();
  fs::remove(large);
}

}  // namespace
}  // namespace annulus

int main(int argc, char** argv) {
  using namespace annulus;
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  const fs::path folder = argv[1];
  for (const char* name : {"dataset", "checkpoint", "events"}) fs::create_directories(folder / name);
  write_dataset(folder / "dataset" / "plain.h5", Form::plain);
  write_dataset(folder / "dataset" / "chunked.h5", Form::chunked);
  write_dataset(folder / "dataset" / "compressed.h5", Form::compressed);
  write_dataset(folder / "dataset" / "floats.h5", Form::floats);
  write_checkpoint(folder / "checkpoint" / "adam.h5");
  write_events(folder / "events" / "three.h5");
  return 0;
}
