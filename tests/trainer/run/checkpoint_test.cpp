// Checkpoints: what goes in comes out, any damage is noticed, and what does not fit is named.
#include "trainer/run/checkpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "base/error.hpp"
#include "io/files/durable_file.hpp"
#include "io/hdf5/file.hpp"
#include "tests/trainer/fake_replica.hpp"
#include "tests/trainer/temporary_directory.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const OptimizerConfig kAdam{.kind = OptimizerKind::adam};

const CheckpointInfo kInfo{.step = 1234,
                           .epoch = 3,
                           .step_in_epoch = 34,
                           .seed = 18446744073709551615u,
                           .config = "name: \"r\u00f6hre\"\nseed: 1\n",
                           .metrics = R"({"best_accuracy":0.5})",
                           .program = "annulus test",
                           .dataset = "abc",
                           .numbers = {.machine = "a processor, avx2, a library 1.0",
                                       .instructions = "avx2",
                                       .trial = 0xfedcba9876543210u,
                                       .subject = 77}};

struct Model {
  explicit Model(Network network = small_network(), FakeLayout order = FakeLayout::keras,
                 const OptimizerConfig& config = kAdam)
      : replica(std::move(network), order), optimizer(config, replica.network(), replica.layout()) {}

  void fill() {
    fill_trainable(replica, replica.parameters(), 1);
    fill_statistics(replica, 1);
    std::uint32_t item = 2;
    for (const StateArena& state : optimizer.states()) fill_trainable(replica, state.values, item++);
    optimizer.set_steps(1234);
  }

  FakeReplica replica;
  Optimizer optimizer;
};

class Checkpoint : public testing::Test {
 protected:
  std::string save() {
    Model model;
    model.fill();
    write_checkpoint(path, kInfo, model.replica, model.optimizer);
    return path;
  }
  std::string load_error(Model& model) {
    return message_of<DataError>([&] { load_checkpoint(path, model.replica, model.optimizer); });
  }

  TemporaryDirectory directory;
  std::string path = directory / "step-000001234.h5";
};

TEST_F(Checkpoint, RestoresEverythingInAnotherLayout) {
  Model saved;
  saved.fill();
  const std::uint64_t hash = write_checkpoint(path, kInfo, saved.replica, saved.optimizer);
  Model loaded(small_network(), FakeLayout::foreign);

  const CheckpointInfo info = load_checkpoint(path, loaded.replica, loaded.optimizer);

  Model expected(small_network(), FakeLayout::foreign);
  expected.fill();
  EXPECT_TRUE(std::ranges::equal(loaded.replica.parameters(), expected.replica.parameters()));
  EXPECT_TRUE(std::ranges::equal(loaded.replica.statistics(), expected.replica.statistics()));
  EXPECT_TRUE(std::ranges::equal(loaded.optimizer.states()[1].values, expected.optimizer.states()[1].values));
  EXPECT_EQ(loaded.optimizer.steps(), 1234u);
  EXPECT_EQ(info.state_hash, hash);
}

TEST_F(Checkpoint, OfAnotherOptimizerGivesTheModelAndItsOwnStatesBeginAnew) {
  save();
  for (const OptimizerConfig& config :
       {OptimizerConfig{}, OptimizerConfig{.momentum = 0.9}, OptimizerConfig{.kind = OptimizerKind::lion}}) {
    Model loaded(small_network(), FakeLayout::foreign, config);
    for (const StateArena& state : loaded.optimizer.states()) std::ranges::fill(state.values, 3.0f);
    loaded.optimizer.set_steps(9);

    EXPECT_THAT(load_error(loaded), HasSubstr("does not fit the optimizer"));
    const CheckpointInfo info =
        load_checkpoint(path, loaded.replica, loaded.optimizer, OtherOptimizer::starts_anew);

    Model expected(small_network(), FakeLayout::foreign, config);
    expected.fill();
    EXPECT_TRUE(info.optimizer_anew);
    EXPECT_EQ(info.step, kInfo.step);
    EXPECT_TRUE(std::ranges::equal(loaded.replica.parameters(), expected.replica.parameters()));
    EXPECT_TRUE(std::ranges::equal(loaded.replica.statistics(), expected.replica.statistics()));
    for (const StateArena& state : loaded.optimizer.states())
      EXPECT_THAT(state.values, testing::Each(0.0f)) << state.name;
    EXPECT_EQ(loaded.optimizer.steps(), 0u);
  }
}

/// adam and adamw name their states alike.
TEST_F(Checkpoint, OfAnotherKindWithStatesOfTheSameNamesBeginsAnewAsWell) {
  const auto config_of = [](const char* kind) {
    return parse_config(std::string("optimizer: {kind: ") + kind +
                            "}\nnetwork: {input: [2, 2, 1], layers: [flatten, dense: 2, softmax]}\n",
                        "test.yaml")
        .config.yaml;
  };
  Model saved;
  saved.fill();
  CheckpointInfo info = kInfo;
  info.config = config_of("adamw");
  write_checkpoint(path, info, saved.replica, saved.optimizer);
  Model loaded;
  EXPECT_TRUE(
      load_checkpoint(path, loaded.replica, loaded.optimizer, OtherOptimizer::starts_anew).optimizer_anew);
  EXPECT_EQ(loaded.optimizer.steps(), 0u);

  info.config = config_of("adam");
  write_checkpoint(path, info, saved.replica, saved.optimizer);
  EXPECT_FALSE(
      load_checkpoint(path, loaded.replica, loaded.optimizer, OtherOptimizer::starts_anew).optimizer_anew);
  EXPECT_EQ(loaded.optimizer.steps(), 1234u);
}

TEST_F(Checkpoint, RestoresTheStatesOfEveryOptimizer) {
  for (const OptimizerRow& row : kOptimizers) {
    const OptimizerConfig config{.kind = row.kind, .momentum = 0.9, .centered = true};
    Model saved(small_network(), FakeLayout::keras, config);
    saved.fill();
    write_checkpoint(path, kInfo, saved.replica, saved.optimizer);
    Model loaded(small_network(), FakeLayout::foreign, config);
    load_checkpoint(path, loaded.replica, loaded.optimizer);
    Model expected(small_network(), FakeLayout::foreign, config);
    expected.fill();

    ASSERT_FALSE(expected.optimizer.states().empty()) << row.word;
    for (std::size_t i = 0; i < expected.optimizer.states().size(); ++i)
      EXPECT_TRUE(
          std::ranges::equal(loaded.optimizer.states()[i].values, expected.optimizer.states()[i].values))
          << row.word << ", " << expected.optimizer.states()[i].name;
  }
}

TEST_F(Checkpoint, KeepsItsAttributes) {
  const CheckpointInfo info = read_checkpoint_info(save());

  EXPECT_EQ(info.step, kInfo.step);
  EXPECT_EQ(info.epoch, kInfo.epoch);
  EXPECT_EQ(info.step_in_epoch, kInfo.step_in_epoch);
  EXPECT_EQ(info.seed, kInfo.seed);
  EXPECT_EQ(info.config, kInfo.config);
  EXPECT_EQ(info.metrics, kInfo.metrics);
  EXPECT_EQ(info.program, kInfo.program);
  EXPECT_EQ(info.dataset, kInfo.dataset);
  EXPECT_EQ(info.numbers.machine, kInfo.numbers.machine);
  EXPECT_EQ(info.numbers.instructions, kInfo.numbers.instructions);
  EXPECT_EQ(info.numbers.trial, kInfo.numbers.trial);
  EXPECT_EQ(info.numbers.subject, kInfo.numbers.subject);
}

TEST_F(Checkpoint, CanBeGlancedAtWithoutItsSeal) {
  save();
  std::ofstream(path, std::ios::app | std::ios::binary) << "more";

  EXPECT_EQ(glance_at_checkpoint(path).numbers.instructions, "avx2");
  EXPECT_THROW(read_checkpoint_info(path), DataError);
}

TEST_F(Checkpoint, HasKerasExtentsAndEscapedNames) {
  const io::Hdf5File file = io::Hdf5File::open(save());

  EXPECT_EQ(file.extents("parameters/conv%2Fa/kernel"), (Extents{3, 3, 2, 4}));
  EXPECT_EQ(file.extents("parameters/norm/moving_variance"), (Extents{4}));
  EXPECT_EQ(file.extents("optimizer/v/dense/kernel"), (Extents{64, 3}));
  EXPECT_FALSE(file.exists("optimizer/m/norm/moving_mean"));
  EXPECT_EQ(file.string_attribute("/", "schema"), "annulus-checkpoint-1");
}

TEST_F(Checkpoint, LoadsTheModelWithoutAnOptimizer) {
  save();
  Model expected;
  expected.fill();
  FakeReplica replica;

  load_model(path, replica);

  EXPECT_TRUE(std::ranges::equal(replica.parameters(), expected.replica.parameters()));
  EXPECT_TRUE(std::ranges::equal(replica.statistics(), expected.replica.statistics()));
}

/// A state hash that is not that of the values, under a seal that is right: somebody changed the file.
TEST_F(Checkpoint, ChangedValuesAreNoticedByWhoeverLoadsThem) {
  for (const std::string tensor : {"parameters/dense/bias", "optimizer/v/dense/bias"}) {
    io::Hdf5File file = io::Hdf5File::open_to_change(save());
    std::vector<float> values = file.read<float>(tensor);
    values[0] += 1;
    io::Hdf5Dataset(file.dataset(tensor)).write_rows(0, values.size(), std::span<const float>(values));
    file.close();
    io::seal_file(path);
    Model model;

    EXPECT_THAT(load_error(model), HasSubstr("the state read has the hash")) << tensor;
    EXPECT_THAT(message_of<DataError>([&] { load_model(path, model.replica); }),
                AllOf(HasSubstr(path), HasSubstr("the state read has the hash")))
        << tensor;
  }
}

/// RMSprop's states do not lie in the file in the order of the hash.
TEST_F(Checkpoint, LoadsTheModelOfEveryOptimizer) {
  for (std::size_t kind = 0; kind < enum_words<OptimizerKind>().size(); ++kind)
    for (const double momentum : {0.0, 0.9})
      for (const bool centered : {false, true}) {
        Model model(small_network(), FakeLayout::keras,
                    {.kind = static_cast<OptimizerKind>(kind), .momentum = momentum, .centered = centered});
        model.fill();
        write_checkpoint(path, kInfo, model.replica, model.optimizer);
        FakeReplica replica;

        load_model(path, replica);

        EXPECT_TRUE(std::ranges::equal(replica.parameters(), model.replica.parameters()));
      }
}

TEST_F(Checkpoint, StatesOfNoOptimizerAreNamed) {
  io::Hdf5File file = io::Hdf5File::open_to_change(save());
  file.create_group("optimizer/w");
  file.close();
  io::seal_file(path);
  FakeReplica replica;

  EXPECT_THAT(message_of<DataError>([&] { load_model(path, replica); }), HasSubstr("/optimizer: m, v, w."));
}

TEST_F(Checkpoint, KeepsWhatTheTrainingDataMean) {
  CheckpointInfo info = kInfo;
  info.data = {.classes = {"caf\xe9", "two\nlines", ""},
               .vectors = {{"track", {"p", "x"}}, {"plain", {}}, {"energy/all", {"E"}}},
               .pixels = {.type = io::PixelType::float32,
                          .measured = true,
                          .smallest = -1.5,
                          .largest = 3,
                          .mean = 0.1,
                          .deviation = 0.7,
                          .rescale = 1.0 / 3},
               .form = "window fixed"};
  Model model;

  write_checkpoint(path, info, model.replica, model.optimizer);

  const auto data = read_checkpoint_info(path).data;
  ASSERT_TRUE(data);
  EXPECT_EQ(data->classes, info.data->classes);
  EXPECT_EQ(data->pixels, info.data->pixels);
  EXPECT_EQ(data->form, info.data->form);
  ASSERT_EQ(data->vectors.size(), 3u);
  EXPECT_EQ(data->vectors[0], info.data->vectors[0]);
  EXPECT_THAT(data->vectors[1].columns, testing::IsEmpty());
  EXPECT_EQ(data->vectors[2], info.data->vectors[2]);
}

TEST_F(Checkpoint, KeepsManyNamesInTheirBytes) {
  CheckpointInfo info = kInfo;
  info.data.emplace();
  for (int k = 0; k < 20'000; ++k) info.data->classes.push_back("class " + std::to_string(k));
  Model model;
  const auto before = std::filesystem::file_size(save());

  write_checkpoint(path, info, model.replica, model.optimizer);

  EXPECT_EQ(read_checkpoint_info(path).data->classes, info.data->classes);
  EXPECT_LT(std::filesystem::file_size(path), before + 250'000);
}

TEST_F(Checkpoint, OfAnOlderVersionNotesNothing) { EXPECT_FALSE(read_checkpoint_info(save()).data); }

TEST_F(Checkpoint, DamagedNamesAreSaid) {
  CheckpointInfo info = kInfo;
  info.data.emplace();
  Model model;
  write_checkpoint(path, info, model.replica, model.optimizer);
  io::Hdf5File file = io::Hdf5File::open_to_change(path);
  file.set_attribute("data", "pixel_type", "uint9");
  file.close();
  io::seal_file(path);

  EXPECT_THAT(load_error(model), AllOf(HasSubstr("uint9"), HasSubstr("damaged")));
}

TEST_F(Checkpoint, PlainSgdHasNoStatesButSteps) {
  Model model(small_network(), FakeLayout::keras, {});
  model.fill();
  write_checkpoint(path, kInfo, model.replica, model.optimizer);
  Model loaded(small_network(), FakeLayout::keras, {});

  load_checkpoint(path, loaded.replica, loaded.optimizer);

  EXPECT_EQ(loaded.optimizer.steps(), 1234u);
}

TEST_F(Checkpoint, LeavesNoPartialFile) {
  save();

  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST_F(Checkpoint, NoticesEveryFlippedBit) {
  const std::string whole = read_file(save());
  Model model;

  // Every 97th byte: all regions of the file (superblock, headers, data, seal) without taking long.
  for (std::size_t i = 0; i < whole.size(); i += 97) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    write_file(path, damaged);
    ASSERT_NE(load_error(model), "") << "byte " << i;
  }
}

TEST_F(Checkpoint, NoticesTruncationAnywhere) {
  const std::string whole = read_file(save());
  Model model;

  for (const std::size_t size :
       {std::size_t{0}, std::size_t{10}, std::size_t{36}, whole.size() / 2, whole.size() - 1}) {
    write_file(path, whole.substr(0, size));
    EXPECT_NE(load_error(model), "") << size << " bytes";
  }
}

TEST_F(Checkpoint, NoticesBytesAppended) {
  write_file(path, read_file(save()) + "x");
  Model model;

  EXPECT_THAT(load_error(model), HasSubstr("no checksum at its end"));
}

TEST_F(Checkpoint, SaysWhenTheFileIsMissing) {
  Model model;

  EXPECT_THAT(load_error(model), AllOf(HasSubstr(path), HasSubstr("No such file")));
}

TEST_F(Checkpoint, NamesTensorsThatDiffer) {
  save();
  Network other = small_network();
  other.layers[2].parameters[0].extents = {64, 5};
  other.layers[1].name = "norm_2";
  Model model(other);

  const std::string message = load_error(model);

  EXPECT_THAT(message,
              HasSubstr("parameters/dense/kernel is (64, 3) in the file and (64, 5) in the network"));
  EXPECT_THAT(message, HasSubstr("parameters/norm_2/gamma is missing"));
  EXPECT_THAT(message, HasSubstr("more"));
}

TEST_F(Checkpoint, NamesStatesOfAnotherOptimizer) {
  save();
  Model model(small_network(), FakeLayout::keras, {.momentum = 0.9});

  EXPECT_THAT(load_error(model), AllOf(HasSubstr("optimizer/momentum/conv%2Fa/kernel is missing"),
                                       HasSubstr("does not fit the optimizer")));
}

/// Writes a sealed file whose contents the program did not write.
void write_sealed(const std::string& path, const std::function<void(io::Hdf5File&)>& fill) {
  io::Hdf5File file = io::Hdf5File::create(path);
  fill(file);
  file.close();
  io::seal_file(path);
}

TEST_F(Checkpoint, RefusesAnotherSchema) {
  write_sealed(path, [](io::Hdf5File& file) { file.set_attribute("/", "schema", "annulus-checkpoint-9"); });
  Model model;

  EXPECT_THAT(load_error(model), HasSubstr("annulus-checkpoint-9"));
}

TEST_F(Checkpoint, RefusesAFileOfAnotherKind) {
  write_sealed(path, [](io::Hdf5File& file) { file.write<float>("x", {1}, std::vector<float>{1.0f}); });
  Model model;

  EXPECT_THAT(load_error(model), HasSubstr("no attribute schema"));
}

TEST_F(Checkpoint, NoticesAStateThatIsNotTheRecordedOne) {
  CheckpointInfo info = kInfo;
  Model saved;
  saved.fill();
  write_checkpoint(path, info, saved.replica, saved.optimizer);
  // Opened for writing through the library the seal would break, so a second file is made from the first.
  const std::string forged = directory / "forged.h5";
  write_sealed(forged, [&](io::Hdf5File& target) {
    const io::Hdf5File source = io::Hdf5File::open(path);
    for (const char* name : {"schema", "config", "metrics", "program", "dataset"})
      target.set_attribute("/", name, source.string_attribute("/", name));
    for (const char* name : {"step", "epoch", "step_in_epoch", "seed", "state_hash"})
      target.set_attribute("/", name, source.uint64_attribute("/", name));
    for (const char* root : {"parameters", "optimizer/m", "optimizer/v"}) {
      for (const std::string& layer : source.members(root)) {
        const std::string group = std::string(root) + "/" + layer;
        for (const std::string& name : source.members(group)) {
          const auto values = source.read<float>(group + "/" + name);
          target.write<float>(group + "/" + name, source.extents(group + "/" + name), values);
        }
      }
    }
    target.set_attribute("optimizer", "steps", std::uint64_t{1235});
  });
  path = forged;
  Model model;

  EXPECT_EQ(glance_at_checkpoint(path).numbers.machine, "");  // as files of older versions, which lack them
  EXPECT_THAT(load_error(model), HasSubstr("is recorded"));
}

/// Runs in a process of its own: no file may grow beyond `bytes`, as on a full disk.
void save_with_little_space(const std::string& path, rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  Model model;
  model.fill();
  const std::string message =
      message_of<RuntimeError>([&] { write_checkpoint(path, kInfo, model.replica, model.optimizer); });
  std::fprintf(stderr, "%s\n", message.c_str());
  std::_Exit(std::filesystem::exists(path + ".partial") ? 1 : 0);
}

TEST_F(Checkpoint, FullDiskSaysHowMuchIsNeededAndKeepsTheOldFile) {
  const std::string before = read_file(save());

  EXPECT_EXIT(save_with_little_space(path, 4096), testing::ExitedWithCode(0), "needs about .* MB are free");

  EXPECT_EQ(read_file(path), before);
}

TEST_F(Checkpoint, MissingDirectoryIsNamed) {
  Model model;

  const std::string message = message_of<RuntimeError>(
      [&] { write_checkpoint(directory / "gone/step-000000001.h5", kInfo, model.replica, model.optimizer); });

  EXPECT_THAT(message,
              AllOf(HasSubstr("gone"), HasSubstr("No such file or directory"), Not(HasSubstr("are free"))));
}

}  // namespace
}  // namespace annulus::trainer
