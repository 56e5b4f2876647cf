// What does not fit the network: the advice names the key that makes it right.
#include "trainer/data_advice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace annulus::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A source of images that lie in the file with these extents.
io::SourceInfo stored_as(const Extents& extents, const std::string& reversed_by = "") {
  return {.name = "data.h5:train",
          .shape = {extents[1], extents[2], extents.size() == 4 ? extents[3] : 1},
          .stored = {.extents = extents, .reversed_by = reversed_by}};
}

std::string mismatch(const io::SourceInfo& source, const SampleShape& input,
                     NetworkState network = NetworkState::planned) {
  try {
    throw_shape_mismatch(source, input, network);
  } catch (const UsageError& error) {
    return error.what();
  }
}

TEST(DataAdvice, ADoubledClassIsNamedWithItsPlaces) {
  io::SourceInfo source{.name = "data.h5:train", .classes = {"ant", "bee", "ant"}};
  EXPECT_THAT(doubled_classes(source), AllOf(HasSubstr("data.h5:train: the class \"ant\" stands there twice"),
                                             HasSubstr("(0 and 2, counted from 0)")));
  source.classes[2] = "Ant";
  EXPECT_EQ(doubled_classes(source), "");
}

TEST(DataAdvice, ANetworkInWhichNothingLearnsIsSaidToBeOne) {
  Parameter kernel{.name = "kernel", .extents = {1, 1}};
  Network network;
  network.layers.resize(2);
  EXPECT_THAT(nothing_to_learn(network), HasSubstr("no layer has weights"));
  kernel.fixed = {1};
  network.layers[1].parameters = {kernel};
  EXPECT_THAT(nothing_to_learn(network), HasSubstr("all weights are fixed"));
  kernel.fixed.clear();
  kernel.trainable = false;
  network.layers[0].parameters = {kernel};
  EXPECT_THAT(nothing_to_learn(network), HasSubstr("all weights are fixed"));
  kernel.trainable = true;
  network.layers[0].parameters.push_back(kernel);
  EXPECT_EQ(nothing_to_learn(network), "");
}

TEST(DataAdvice, EvaluationsAtAnotherScaleThanATrainingAreNamed) {
  io::AugmentationOptions options{.crop = io::Crop::random_resized, .crop_height = 224, .crop_width = 224};
  const io::SourceInfo large = stored_as({10, 400, 500, 3});

  EXPECT_THAT(evaluation_scale(options, large), HasSubstr("Set augmentation.crop_resize, e.g. to 256"));
  EXPECT_EQ(evaluation_scale(options, stored_as({10, 256, 500, 3})), "") << "as ImageNet is judged";
  options.crop_resize = 256;
  EXPECT_EQ(evaluation_scale(options, large), "");
  options = {.crop = io::Crop::random, .crop_height = 224, .crop_width = 224};
  EXPECT_EQ(evaluation_scale(options, large), "") << "trained at that scale";
}

TEST(DataAdvice, ChannelsFirstAreRecognised) {
  const auto first = HasSubstr("channels first, as PyTorch keeps them: set data.axes to NCHW");
  const auto no_rows = Not(HasSubstr("images' shape if"));

  EXPECT_THAT(mismatch(stored_as({60, 3, 32, 32}), {32, 32, 3}), AllOf(first, no_rows));
  EXPECT_THAT(mismatch(stored_as({60, 1, 28, 20}), {28, 20, 1}), AllOf(first, no_rows));
  EXPECT_THAT(mismatch(stored_as({60, 3, 32, 32}), {28, 28, 3}),
              AllOf(first, HasSubstr("network.input to [32, 32, 3]")));
}

TEST(DataAdvice, ReversedAxesAreNamedWithTheirProgram) {
  EXPECT_THAT(mismatch(stored_as({60, 3, 32, 32}, "MATLAB"), {32, 32, 3}),
              AllOf(HasSubstr("written by MATLAB"), HasSubstr("taken as NCWH")));
  EXPECT_THAT(mismatch(stored_as({60, 20, 28}, "Octave"), {28, 20, 1}), HasSubstr("taken as NWH"));
  EXPECT_THAT(mismatch(stored_as({60, 20, 28}, "Octave"), {32, 32, 1}),
              HasSubstr("data.axes to NWH and network.input to [28, 20, 1]"));
  EXPECT_THAT(mismatch(stored_as({60, 20, 28, 1}), {28, 20, 1}),
              AllOf(HasSubstr("network.input to [20, 28, 1] if"), HasSubstr("data.axes to NWHC")));
}

TEST(DataAdvice, OtherShapesAreForTheUserToJudge) {
  EXPECT_THAT(
      mismatch(stored_as({60, 28, 28}), {32, 32, 1}),
      AllOf(HasSubstr("images of shape (28, 28, 1)"), HasSubstr("if they lie as (rows, columns, channels)")));
  io::SourceInfo named = stored_as({60, 3, 32, 32});
  named.stored.axes_named = true;
  EXPECT_THAT(mismatch(named, {32, 32, 4}), Not(HasSubstr("data.axes")));
}

TEST(DataAdvice, NamedAxesThatDoNotFitAreNamed) {
  io::SourceInfo named = stored_as({60, 8, 9, 3});
  named.shape = {9, 3, 8};  // taken as NCHW
  named.stored.axes_named = true;
  EXPECT_THAT(mismatch(named, {8, 9, 3}), HasSubstr("taken as NHWC: set data.axes to that"));
}

TEST(DataAdvice, ATrainedModelKeepsItsInput) {
  const auto advice = [](io::SourceInfo source, const SampleShape& input, bool named = false) {
    source.stored.axes_named = named;
    return mismatch(source, input, NetworkState::trained);
  };
  const auto keeps = Not(HasSubstr("network.input"));
  io::SourceInfo turned = stored_as({60, 8, 9, 3});
  turned.shape = {9, 3, 8};

  EXPECT_THAT(advice(turned, {8, 9, 3}, true), AllOf(HasSubstr("set data.axes=NHWC"), keeps));
  EXPECT_THAT(advice(stored_as({60, 3, 8, 9}), {8, 9, 3}), AllOf(HasSubstr("set data.axes=NCHW"), keeps));
  EXPECT_THAT(advice(stored_as({60, 9, 8}), {8, 9, 1}), AllOf(HasSubstr("set data.axes=NWH"), keeps));
  EXPECT_THAT(advice(stored_as({60, 28, 28}), {32, 32, 1}),
              AllOf(HasSubstr("the model takes images of shape (32, 32, 1)"), HasSubstr("data.path"), keeps,
                    Not(HasSubstr("data.axes"))));
  SampleShape flat{1, 1, 4};
  flat.flat = true;
  EXPECT_THAT(advice(stored_as({60, 28, 28}), flat), AllOf(HasSubstr("flat vectors of 4 values"), keeps));
}

TEST(DataAdvice, LabelsFromOneAreNotGivenAnOutputMore) {
  io::SourceInfo source{.name = "data.h5:train", .classes = {"0", "1", "2", "3", "4"}};
  source.stored.smallest_label = 1;
  const auto advice = [&](std::int64_t outputs) -> std::string {
    try {
      throw_too_many_classes(source, outputs);
    } catch (const UsageError& error) {
      return error.what();
    }
  };

  EXPECT_THAT(advice(4), AllOf(HasSubstr("labels from 1 to 4"), HasSubstr("label 0 never occurs"),
                               HasSubstr("Set data.first_label to 1."), Not(HasSubstr("units"))));
  EXPECT_THAT(advice(3), HasSubstr("data.first_label to 1, and give the last layer 4 units"));
  source.stored.smallest_label = 0;
  EXPECT_THAT(advice(4), HasSubstr("Give its last layer 5 units"));
}

TEST(DataAdvice, NamesFromZeroBesideLabelsFromOneAreDoubted) {
  io::SourceInfo source{.name = "data.h5:train", .classes = {"background", "ant", "bee", "cod", "doe"}};
  source.stored.smallest_label = 1;
  const auto advice = [&]() -> std::string {
    try {
      throw_too_many_classes(source, 4);
    } catch (const UsageError& error) {
      return error.what();
    }
  };

  EXPECT_THAT(advice(), HasSubstr("the first name, background, belongs to label 1: drop data.first_label"));
  source.stored.smallest_label = 0;
  EXPECT_THAT(advice(), Not(HasSubstr("first_label")));
}

}  // namespace
}  // namespace annulus::trainer
