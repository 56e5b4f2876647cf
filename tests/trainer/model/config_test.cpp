// Reading, overriding, refusing and writing configurations.
#include "trainer/model/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

/// Lines are counted from the first of these.
const std::string kSmall = R"(name: small
batch: {size: 64, shards: 4}
optimizer:
  kind: sgd
  momentum: 0.9
network:
  input: [8, 8, 3]
  layers:
    - conv2d: {filters: 4, kernel: 3, padding: same}
    - relu
    - flatten
    - dense: 10
    - softmax
)";

std::string message_of(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  try {
    parse_config(yaml, "a.yaml", overrides);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string origin_of(const LoadedConfig& loaded, const std::string& key) {
  for (const Origin& origin : loaded.origins) {
    if (origin.key == key) return origin.value + " from " + origin.origin;
  }
  return "no such key";
}

TEST(Config, ReadsValuesAndKeepsDefaults) {
  const Config config = parse_config(kSmall, "a.yaml").config;

  EXPECT_EQ(config.name, "small");
  EXPECT_EQ(config.batch.size, 64);
  EXPECT_EQ(config.optimizer.momentum, 0.9);
  EXPECT_EQ(config.optimizer.learning_rate, 0.01);
  EXPECT_EQ(config.checkpoint.keep_last, 3);
  ASSERT_EQ(config.network.layers.size(), 5U);
  EXPECT_EQ(config.network.layers[0].line, 9);
  EXPECT_EQ(config.network.classes(), 10);
}

TEST(Config, OverridesReachGroupsListsAndNewKeys) {
  const Config config = parse_config(kSmall, "a.yaml",
                                     {"optimizer.momentum=0.5", "network.layers.3.dense=7",
                                      "network.layers.0.conv2d.filters=6", "augmentation.zoom_range=[0.5, 2]",
                                      "normalisation.rescale=1/255", "data.path=some=file.h5"})
                            .config;

  EXPECT_EQ(config.optimizer.momentum, 0.5);
  EXPECT_EQ(config.network.classes(), 7);
  EXPECT_EQ(config.network.layers[0].output.channels, 6);
  EXPECT_EQ(config.augmentation.zoom_high, 2.0f);
  EXPECT_EQ(config.normalisation.rescale, 1.0f / 255);
  EXPECT_EQ(config.data.path, "some=file.h5");
}

TEST(Config, KnowsWhereEveryValueCameFrom) {
  const LoadedConfig loaded = parse_config(kSmall, "a.yaml", {"batch.size=32"});

  EXPECT_EQ(origin_of(loaded, "optimizer.momentum"), "0.9 from a.yaml:5");
  EXPECT_EQ(origin_of(loaded, "optimizer.nesterov"), "false from default");
  EXPECT_EQ(origin_of(loaded, "batch.size"), "32 from command line");
  EXPECT_EQ(origin_of(loaded, "network.layers.3.dense.units"), "10 from a.yaml:12");
  EXPECT_EQ(origin_of(loaded, "network.layers.0.conv2d.stride"), "[1, 1] from default");
}

TEST(Config, ResolvedTextReadsBackToTheSameConfiguration) {
  const std::vector<std::string> overrides{
      "name=\"two words: \\\\ \\\" quoted\"",
      "data.path=null.h5",
      "normalisation={kind: given, mean: [0.1, 0.2, 1/3], deviation: [1, 2, 3]}",
      "optimizer.learning_rate=0.1234567890123456789",
      "loss.label_smoothing=0.1",
      "augmentation.rotation_range=1e-20",
      "seed=9007199254740991"};
  const Config once = parse_config(kSmall, "a.yaml", overrides).config;

  const Config twice = parse_config(once.yaml, "config.yaml").config;

  EXPECT_EQ(twice.yaml, once.yaml);
  EXPECT_EQ(twice.name, "two words: \\ \" quoted");
  EXPECT_EQ(twice.seed, 9007199254740991ULL);
  EXPECT_EQ(twice.optimizer.learning_rate, 0.1234567890123456789);
  EXPECT_EQ(twice.augmentation.rotation_range, 1e-20f);
  EXPECT_EQ(twice.normalisation.mean, once.normalisation.mean);
  EXPECT_THAT(numeric_differences(once, twice), IsEmpty());
}

TEST(Config, GraphsAndRoundedUpPaddingReadBack) {
  const std::string graph = R"(
network:
  input: [5, 5, 2]
  layers:
    - conv2d: {name: a, filters: 2, kernel: 1, stride: 3, padding: same}
    - conv2d: {name: b, filters: 2, kernel: 1, stride: 3, padding: same, input: input}
    - add: {inputs: [a, b]}
    - average_pool: {size: 3, stride: 1, padding: {height: [1, 1], width: 1}}
    - global_average_pool
    - softmax
)";
  const Config once = parse_config(graph, "a.yaml").config;

  const Config twice = parse_config(once.yaml, "config.yaml").config;

  EXPECT_EQ(twice.yaml, once.yaml);
  EXPECT_EQ(twice.network.layers[0].output.height, 2);
  EXPECT_EQ(twice.network.layers[1].inputs, std::vector<int>{-1});
  EXPECT_EQ(twice.network.layers[2].inputs, (std::vector<int>{0, 1}));
  EXPECT_EQ(std::get<Pool2d>(twice.network.layers[3].operation).padding, (Padding{1, 1, 1, 1}));
}

TEST(Config, ShiftsHaveThreeFormsAndReadBack) {
  const auto shift_of = [](const std::string& value) {
    const std::string key = "augmentation.width_shift_range";
    const LoadedConfig once = parse_config(kSmall, "a.yaml", {key + "=" + value});
    const LoadedConfig twice = parse_config(once.config.yaml, "config.yaml");
    EXPECT_EQ(twice.config.augmentation, once.config.augmentation) << value;
    EXPECT_THAT(origin_of(once, key), StartsWith(value + " from"));
    return once.config.augmentation.width_shift_range;
  };

  EXPECT_EQ(shift_of("2"), io::ShiftRange(2));
  EXPECT_EQ(shift_of("0.2"), io::ShiftRange(0.2f));
  for (const char* text : {"2.0", "2.5"}) {
    EXPECT_TRUE(shift_of(text).continuous) << text;
    EXPECT_EQ(shift_of(text).amount, std::stof(text));
  }
  EXPECT_THAT(shift_of("[-3, 1.5]").given(), ElementsAre(-3, 1.5f));
}

TEST(Config, SizesAreRoundedDownUnlessStrict) {
  const std::vector<std::string> three{"network.layers.0.conv2d.stride=3",
                                       "network.layers.0.conv2d.padding=valid"};
  std::vector<std::string> strict = three;
  strict.emplace_back("network.strict_shapes=true");

  const Config config = parse_config(kSmall, "a.yaml", three).config;

  EXPECT_EQ(config.network.layers[0].output.height, 2);
  EXPECT_EQ(config.network.layers[0].left_over, (LeftOver{.rows = 2, .columns = 2}));
  const std::string message = message_of(kSmall, strict);
  for (const char* word : {"a.yaml:9: layer conv2d (conv2d)", "(8 - 3 + 2*0)/3 + 1 = 2.66667", "padding: 2",
                           "strict_shapes: false"})
    EXPECT_THAT(message, HasSubstr(word));
  EXPECT_TRUE(parse_config(kSmall, "a.yaml", {"network.strict_shapes=true"}).config.network.strict_shapes);
}

TEST(Config, FixedWeightsReadBackToTheSameBits) {
  const std::string filters = R"(
network:
  input: [5, 5, 1]
  layers:
    - conv2d: {filters: 2, kernel: 3, weights: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]}
    - conv2d: {filters: 1, kernel: [1, 2], weights: [[[[1/3], [0.1]], [[2], [-3e-20]]]], bias: true}
    - flatten
    - dense: {units: 2, weights: [[1, -1], [1, -1], [1, -1], [1, -1], [1, -1], [1, -1]]}
    - softmax
)";
  const Config once = parse_config(filters, "a.yaml").config;

  const Config twice = parse_config(once.yaml, "config.yaml").config;

  EXPECT_EQ(twice.yaml, once.yaml);
  const std::vector<Layer>& layers = twice.network.layers;
  EXPECT_EQ(layers[0].parameters.size(), 1u);  // no bias unless it is asked for
  EXPECT_THAT(layers[0].parameters[0].fixed,
              ElementsAre(0, 0, -1, -1, 0, 0, -1, -1, 5, 5, -1, -1, 0, 0, -1, -1, 0, 0));
  EXPECT_THAT(layers[1].parameters[0].fixed, ElementsAre(1.0f / 3, 0.1f, 2.0f, -3e-20f));
  EXPECT_EQ(layers[1].parameters.size(), 2u);
  EXPECT_EQ(layers[3].parameters[0].fixed.size(), 12u);
  EXPECT_THAT(numeric_differences(once, twice), IsEmpty());
  const Config other =
      parse_config(filters, "a.yaml", {"network.layers.0.conv2d.weights=[[0,0,0],[0,1,0],[0,0,0]]"}).config;
  EXPECT_EQ(numeric_differences(once, other).at(0).key, "network.layers.0.conv2d.weights");
}

TEST(Config, SamePaddingIsKeptAsWritten) {
  const Config once = parse_config(kSmall, "a.yaml").config;

  EXPECT_THAT(once.yaml, HasSubstr("padding: same"));
  const Network twice = parse_config(once.yaml, "config.yaml").config.network;
  EXPECT_EQ(std::get<Conv2d>(twice.layers[0].operation).padding_mode, PaddingMode::same);
  EXPECT_EQ(std::get<Conv2d>(twice.layers[0].operation).padding, (Padding{1, 1, 1, 1}));
}

TEST(Config, LionHasAnotherBeta2UnlessItIsGiven) {
  const std::vector<std::string> lion{"optimizer.kind=lion", "optimizer.momentum=null"};
  const auto beta2 = [&](const char* more) {
    std::vector<std::string> overrides = lion;
    overrides.emplace_back(more);
    const LoadedConfig loaded = parse_config(kSmall, "a.yaml", overrides);
    EXPECT_EQ(parse_config(loaded.config.yaml, "config.yaml").config.yaml, loaded.config.yaml);
    return origin_of(loaded, "optimizer.beta2");
  };

  EXPECT_EQ(beta2("seed=1"), "0.99 from default");
  EXPECT_EQ(beta2("optimizer.beta2=0.5"), "0.5 from command line");
  EXPECT_EQ(beta2("optimizer.kind=null"), "0.999 from default");
}

TEST(Config, NameIsAcceptedForKind) {
  EXPECT_EQ(parse_config(kSmall, "a.yaml", {"schedule.name=cosine"}).config.schedule.kind,
            ScheduleKind::cosine);
}

TEST(Config, SaysWhatIsWrongWhereAndWhatToTry) {
  const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> cases{
      {{"optimizer.momentun=1"}, {"command line: unknown key optimizer.momentun", "Did you mean momentum?"}},
      {{"optimzer.kind=sgd"}, {"unknown key optimzer", "Did you mean optimizer?"}},
      {{"optimizer.kind=adamx"},
       {"must be one of sgd, adam, adamw, lars, rmsprop, lion", "Did you mean adam?"}},
      {{"optimizer.momentum=1.0"}, {"optimizer.momentum is 1.0", "lie in [0, 1)"}},
      {{"optimizer.momentum='0.5'"}, {"optimizer.momentum is \"0.5\"", "a number"}},
      {{"optimizer.learning_rate=nan"}, {"\"nan\", but must be a number"}},
      {{"optimizer.learning_rate=1e999"}, {"\"1e999\", but must be a number"}},
      {{"seed=1e3"}, {"whole number in digits: 1000"}},
      {{"seed=99999999999999999999"}, {"seed is 99999999999999999999", "lie in"}},
      {{"data.shuffle=yes"}, {"data.shuffle is \"yes\"", "true or false"}},
      {{"data=3"}, {"data is \"3\"", "group of keys"}},
      {{"batch.size=66"}, {"batch.size = 66", "batch.size = 64 or 68", "batch.shards = 1, 2, 3, 6"}},
      {{"loss.class_weights=[1, 2]"}, {"2 values", "10 classes"}},
      {{"data.class_shares=[1, 2]"}, {"class_shares", "only refines data.sampling"}},
      {{"data.sampling=balanced", "data.class_shares=[1, 2]"}, {"data.class_shares has 2", "10 classes"}},
      {{"data.sampling=balanced", "data.class_shares=[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"}, {"are all zero"}},
      {{"data.sampling=weighted", "data.weights=w", "data.class_shares=[1]"},
       {"data.sampling is weighted", "Set data.sampling to balanced"}},
      {{"data.sampling=weighted"}, {"data.sampling = weighted", "data.weights does not say"}},
      {{"data.sampling=balanced", "data.shuffle=false"},
       {"data.sampling = balanced", "data.shuffle is false"}},
      {{"metrics.top_k=10"}, {"metrics.top_k = 10", "10 classes", "would always be 1", "2 to 9"}},
      {{"augmentation.crop_scale=[0.5, 1]"}, {"crop_scale", "only refines augmentation.crop"}},
      {{"augmentation.crop=centre", "augmentation.crop_ratio=[1, 1]"},
       {"crop_ratio is for windows of random area", "crop is centre"}},
      {{"augmentation.alternating_flip=true"}, {"only refines augmentation.horizontal_flip"}},
      {{"loss.class_weights=[1, 2, x]"}, {"loss.class_weights[2] is \"x\""}},
      {{"normalisation.kind=given"}, {"3 channels", "mean has 0"}},
      {{"normalisation.mean=[1, 1, 1]"}, {"only used with kind: given"}},
      {{"augmentation.mixup=-1"}, {"augmentation.mixup", "lie in [0, 1000]"}},
      {{"augmentation.mixup=0.2", "batch.size=6", "batch.shards=6"},
       {"augmentation.mixup = 0.2", "shards of one sample", "e.g. batch.shards = 3"}},
      {{"augmentation.mixup_alpha=1"}, {"Did you mean augmentation.mixup?"}},
      {{"augmentation.zoom_range=[2, 1]"}, {"the lowest must come first"}},
      {{"augmentation.width_shift_range=[]"}, {"a list of 1 to 16 numbers"}},
      {{"augmentation.width_shift_range=[1, x]"}, {"width_shift_range[1] is \"x\""}},
      {{"augmentation.width_shift_range=[1, -8]"}, {"width_shift_range = -8", "(8 pixels)"}},
      {{"augmentation.height_shift_range=8.0"}, {"height_shift_range = 8 ", "(8 pixels)"}},
      {{"augmentation.crop_padding=8"}, {"crop_padding = 8", "8 pixels"}},
      {{"optimizer.momentum=0", "optimizer.nesterov=true"}, {"needs a momentum above 0"}},
      {{"schedule.warmup_epochs=1"}, {"leaves nothing of the 1 epochs"}},
      {{"name=../up"}, {"no slash"}},
      {{"name="}, {"name has no value"}},
      {{"name"}, {"Write key=value"}},
      {{"network.layers.9=relu"}, {"has 5 items counted from 0"}},
      {{"network.layers.3.dense.units=5"}, {"a.yaml:12", "Override that value as a whole"}},
      {{"network.layers.0.conv2d.weights=3"}, {"weights holds \"3\"", "lists of numbers, e.g. [["}},
      {{"network.layers.0.conv2d.weights=[[1, 2], [3]]"}, {"lists of 2 and of 1 values", "one length"}},
      {{"network.layers.0.conv2d.weights=[[1, x]]"}, {"holds \"x\"", "lists of numbers"}},
      {{"network.layers.0.conv2d.weights=[[1]]", "network.layers.0.conv2d.initializer=zeros"},
       {"layer conv2d (conv2d)", "initializer = zeros has no effect"}},
      {{"network.layers.0.conv2d.weights=[[]]"}, {"weights holds a list"}},
      {{"network.layers.0.conv2d.weights=[[1, 2], [3, 4]]"},
       {"a.yaml:9: layer conv2d (conv2d)", "(2, 2)", "(3, 3, 3, 4)",
        "height, width, input channels / groups"}},
      {{"network.layers.0.conv2d.padding=[1, 2]"}, {"padding is a list", "[top, bottom, left, right]"}},
      {{"network.layers.0=conv3d"}, {"unknown type \"conv3d\"", "Did you mean conv2d?"}},
      {{"network.layers.1={relu: {}, tanh: {}}"}, {"several keys (relu, tanh)"}},
      {{"network.layers.1={relu: 3}"}, {"relu has no short form"}},
      {{"network.layers.0=conv2d"}, {"needs filters and kernel"}},
      {{"network.layers.4=relu"}, {"must be a softmax"}},
      {{"network.input=[8, 8]"}, {"[height, width, channels]"}},
      {{"network=null"}, {"network is missing"}},
  };
  for (const auto& [overrides, words] : cases) {
    const std::string message = message_of(kSmall, overrides);
    for (const std::string& word : words) EXPECT_THAT(message, HasSubstr(word)) << overrides[0];
  }
}

TEST(Config, FlatVectorsCanBeMixedAndNothingElse) {
  const std::string flat =
      "name: flat\ndata: {path: a.h5}\nnetwork: {input: [6], layers: [dense: 3, softmax]}\nbatch: {size: 8}\n";

  EXPECT_EQ(parse_config(flat, "a.yaml", {"augmentation.mixup=0.2"}).config.augmentation.mixup, 0.2f);
  EXPECT_THAT(message_of(flat, {"augmentation.horizontal_flip=true"}),
              HasSubstr("flat vector of 6 values. Remove the group augmentation, or all of it but mixup"));
}

TEST(Config, NamesTheLineOfAMistakeInTheFile) {
  EXPECT_THAT(message_of(kSmall + "epoch: 3\n"),
              HasSubstr("a.yaml:14: unknown key epoch. Did you mean epochs?"));
  EXPECT_THAT(message_of(kSmall + "name: b\n"),
              HasSubstr("a.yaml:14: the key name is there twice, first at a.yaml:1"));
  EXPECT_THAT(message_of(kSmall + "data: [\n"), HasSubstr("a.yaml:15: not valid YAML"));
}

TEST(Config, HostileTextEndsWithAMessage) {
  EXPECT_THAT(message_of(std::string(100000, '[')), HasSubstr("nested more than 16 deep"));
  EXPECT_THAT(message_of("a: &x [1]\nb: *x\n"), HasSubstr("a.yaml:1: a YAML anchor (&x)"));
  EXPECT_THAT(message_of("a: 1\nb: \xff\n"), HasSubstr("a.yaml:2: byte 0xff is not text"));
  EXPECT_THAT(message_of("a: \xc0\xaf\n"), HasSubstr("byte 0xc0"));
  EXPECT_THAT(message_of("a: \xc3(\n"), HasSubstr("byte 0xc3"));
  EXPECT_THAT(message_of(std::string("a: \0\n", 5)), HasSubstr("byte 0x00"));
  EXPECT_THAT(message_of(std::string(2 << 20, 'a')), HasSubstr("more than the 1048576"));
  std::string many = "a: [";
  for (int i = 0; i < 60000; ++i) many += "1,";
  EXPECT_THAT(message_of(many + "]"), HasSubstr("more than 50000 values"));
  EXPECT_THAT(message_of("a: 1\n---\nb: 2\n"), HasSubstr("several YAML documents"));
  EXPECT_THAT(message_of("? [1]\n: 2\n"), HasSubstr("a key must be a word"));
  EXPECT_THAT(message_of(""), HasSubstr("network is missing"));
}

TEST(Config, FilesThatCannotBeReadAreNamed) {
  EXPECT_THROW(load_config("/no/such/file.yaml"), UsageError);
  EXPECT_THROW(load_config(testing::TempDir()), UsageError);
}

TEST(CheckWorld, NamesRanksAndShardsThatWork) {
  const Config config = parse_config(kSmall, "a.yaml").config;

  EXPECT_NO_THROW(check_world(config, 2));
  EXPECT_NO_THROW(check_world(config, 4));
  try {
    check_world(config, 3);
    FAIL() << "3 ranks cannot share 4 shards";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("Start 1, 2, 4 ranks"));
    EXPECT_THAT(error.what(), HasSubstr("batch.shards=6 batch.size=66"));
  }
}

std::vector<std::string> differences(const std::vector<std::string>& one,
                                     const std::vector<std::string>& other) {
  std::vector<std::string> keys;
  for (const KeyDifference& difference : numeric_differences(parse_config(kSmall, "a.yaml", one).config,
                                                             parse_config(kSmall, "a.yaml", other).config))
    keys.push_back(difference.key);
  return keys;
}

TEST(NumericDifferences, SayWhatWasAndWhatIs) {
  const auto found = numeric_differences(parse_config(kSmall, "a.yaml", {"seed=4"}).config,
                                         parse_config(kSmall, "a.yaml", {"seed=5"}).config);

  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(to_string(found[0]), "seed: 4 there, 5 now");
}

TEST(NumericDifferences, NamesKeysThatChangeNumbers) {
  EXPECT_THAT(differences({}, {"seed=2", "optimizer.momentum=0.8"}),
              ElementsAre("seed", "optimizer.momentum"));
  EXPECT_THAT(differences({}, {"network.layers.1=tanh"}),
              ElementsAre("network.layers.1.relu.name", "network.layers.1.tanh.name"));
  EXPECT_THAT(differences({"data.path=a/x.h5"}, {"data.path=b/y.h5"}), ElementsAre("data.path"));
  EXPECT_THAT(differences({"schedule.kind=cosine"}, {"schedule.kind=cosine", "epochs=9"}),
              ElementsAre("epochs"));
}

/// A network with `padding: same`, as its resolved text was written by versions that kept the pixels: "same"
/// only where a size had been rounded up.
TEST(NumericDifferences, RunsWrittenWithPaddingInPixelsResume) {
  const std::string head = "name: old\nnetwork:\n  input: [8, 8, 1]\n  layers:\n";
  const std::string tail = "    - flatten\n    - dense: 2\n    - softmax\n";
  const auto layers = [](const std::string& one, const std::string& other) {
    return "    - conv2d: {name: conv2d, filters: 4, kernel: [4, 3], stride: [1, 1], padding: " + one +
           ", dilation: [1, 1], groups: 1, activation: none, bias: true, initializer: glorot_uniform}\n"
           "    - max_pool: {name: max_pooling2d, size: [3, 3], stride: [3, 3], padding: " +
           other + "}\n";
  };
  const Config written = parse_config(head + layers("[1, 2, 1, 1]", "same") + tail, "config.yaml").config;
  const Config now = parse_config(head + layers("same", "same") + tail, "a.yaml").config;
  const Config moved = parse_config(head + layers("[2, 1, 1, 1]", "same") + tail, "a.yaml").config;

  EXPECT_THAT(numeric_differences(written, now), IsEmpty());
  EXPECT_THAT(numeric_differences(now, written), IsEmpty());
  const std::vector<KeyDifference> found = numeric_differences(written, moved);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(to_string(found[0]), "network.layers.0.conv2d.padding: [1, 2, 1, 1] there, [2, 1, 1, 1] now");
}

TEST(NumericDifferences, MeasuredNormalisationFollowsFromTheData) {
  const std::string measured = "normalisation={kind: per_feature, mean: [1, 2, 3], deviation: [1, 1, 1]}";
  const std::string given = "normalisation={kind: given, mean: [1, 2, 3], deviation: [1, 1, 1]}";

  EXPECT_THAT(differences({"normalisation.kind=per_feature"}, {measured}), IsEmpty());
  EXPECT_THAT(differences({given}, {given, "normalisation.mean=[1, 2, 4]"}),
              ElementsAre("normalisation.mean"));
}

TEST(NumericDifferences, OfManyFilesTheirNames) {
  EXPECT_THAT(differences({"data.files=[a/x.h5, a/y-*.h5]", "data.label_files=[l/x.h5, l/y-*.h5]"},
                          {"data.files=[b/x.h5, b/y-*.h5]", "data.label_files=[m/x.h5, m/y-*.h5]",
                           "data.validation_files=v.h5", "data.test_files=[t.h5, u.h5]"}),
              IsEmpty());
  EXPECT_THAT(differences({"data.files=[a/x.h5, a/y.h5]"}, {"data.files=[a/y.h5, a/x.h5]"}),
              ElementsAre("data.files"));
}

TEST(Config, TakesFilesOneOrMany) {
  EXPECT_THAT(parse_config(kSmall, "a.yaml", {"data.files=train-*.h5"}).config.data.files,
              ElementsAre("train-*.h5"));
  const Config config = parse_config(kSmall, "a.yaml", {"data.files=[b.h5, a.h5]"}).config;
  EXPECT_THAT(config.data.files, ElementsAre("b.h5", "a.h5"));
  EXPECT_THAT(parse_config(config.yaml, "again").config.data.files, ElementsAre("b.h5", "a.h5"));
  const auto refused = [](const std::vector<std::string>& overrides) {
    return message_of(kSmall, overrides);
  };
  EXPECT_THAT(refused({"data.files=[]"}), HasSubstr("data.files is"));
  EXPECT_THAT(refused({"data.files=a.h5", "data.path=b.h5"}), HasSubstr("data.files=null"));
  EXPECT_THAT(refused({"data.label_files=a.h5"}), HasSubstr("those in data.files"));
  EXPECT_THAT(refused({"data.files=a.h5", "data.test_label_files=b.h5"}), HasSubstr("data.test_files"));
  EXPECT_THAT(refused({"data.path=a.h5", "data.validation_files=b.h5", "data.validation_fraction=0.1"}),
              HasSubstr("data.validation_fraction = 0.1"));
  EXPECT_THAT(refused({"data.path=a.h5", "data.validation_files=b.h5", "data.validation=none"}),
              HasSubstr("is none"));
}

TEST(NumericDifferences, LeavesFreeKeysAlone) {
  EXPECT_THAT(differences({"data.path=/data/a/x.h5"},
                          {"data.path=/scratch/b/x.h5", "name=other", "device.threads=3", "epochs=9",
                           "bucket_kb=1", "checkpoint.keep_last=9", "early_stopping.patience=2",
                           "anomaly.policy=skip", "batch.evaluation=8", "network.strict_shapes=true"}),
              IsEmpty());
  const std::string kernel = "network.layers.0.conv2d.initializer=";
  EXPECT_THAT(differences({kernel + "he_normal"}, {kernel + "kaiming_normal"}), IsEmpty());
}

}  // namespace
}  // namespace annulus::trainer
