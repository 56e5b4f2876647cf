// Keys and layers of Keras and PyTorch lead to what they are called here, and what is proposed exists.
#include "trainer/model/foreign_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/config_writer.hpp"
#include "trainer/model/layer_table.hpp"

namespace annulus::trainer {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kConfig = R"(data: {path: some.h5, validation: held}
network:
  input: [8, 8, 1]
  layers:
    - conv2d: {filters: 2, kernel: 3}
    - flatten
    - dense: 2
    - softmax
)";

std::string message_of(const std::vector<std::string>& overrides, const std::string& yaml = kConfig) {
  try {
    parse_config(yaml, "a.yaml", overrides);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(ForeignNames, LeadToTheKeyOfThisProgram) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"lr=0.1", "Did you mean optimizer.learning_rate?"},
      {"optimizer.lr=0.1", "Did you mean optimizer.learning_rate?"},
      {"learning_rate=0.1", "Did you mean optimizer.learning_rate?"},
      {"batch_size=32", "batch.size"},
      {"num_epochs=3", "Did you mean epochs?"},
      {"optimizer.clipnorm=1", "Keras' clipnorm, which bounds every variable by itself, is not offered"},
      {"optimizer.global_clipnorm=1", "Did you mean optimizer.clip_norm?"},
      {"optimizer.clipvalue=1", "bounds the norm of the whole gradient"},
      {"optimizer.beta_1=0.9", "Did you mean beta1?"},
      {"optimizer.eps=1e-8", "Did you mean optimizer.epsilon?"},
      {"early_stopping.min_delta=0.1", "Did you mean early_stopping.minimum_improvement?"},
      {"early_stopping.monitor=val_loss", "checkpoint.best_by"},
      {"early_stopping.restore_best_weights=true", "checkpoint.keep_best"},
      {"validation_split=0.1", "Did you mean data.validation_fraction?"},
      {"data.num_workers=4", "Did you mean data.loader_threads?"},
      {"schedule.step_size=4", "Did you mean schedule.step_epochs?"},
      {"augmentation.rescale=1", "Did you mean normalisation.rescale?"},
      {"network.layers.0.conv2d.kernel_size=3", "Did you mean kernel?"},
      {"network.layers.0.conv2d.strides=2", "Did you mean stride?"},
      {"network.layers.0.conv2d.in_channels=2", "follows from the layer before"},
      {"network.layers.2=Linear", "Did you mean dense?"},
      {"network.layers.1=MaxPooling2D", "Did you mean max_pool?"},
      {"network.layers.1=BatchNormalization", "Did you mean batch_norm?"},
      {"network.layers.1=LeakyReLU", "relu, sigmoid and tanh are"},
      {"optimizer.momentun=0.9", "Did you mean momentum?"},
      {"datas=1", "Did you mean data?"}};
  for (const auto& [given, expected] : cases) EXPECT_THAT(message_of({given}), HasSubstr(expected)) << given;
}

/// Names as their users write them, and what the advice has to say.
struct Spellings {
  const char* prefix;  ///< of the key that they are given as
  const char* advice;
  std::vector<const char*> names;
};

TEST(ForeignNames, AreKnownAsTheirUsersSpellThem) {
  const char* const layer = "network.layers.0.conv2d";
  const std::vector<Spellings> all{
      {"optimizer", "optimizer.beta1 and optimizer.beta2", {"betas"}},
      {"optimizer", "optimizer.epsilon", {"eps"}},
      {"optimizer", "optimizer.rho", {"alpha", "discount"}},
      {"optimizer", "optimizer.kind", {"name", "type", "algorithm", "class", "opt", "optimizer"}},
      {"optimizer",
       "optimizer.weight_decay",
       {"decay", "l2", "l2_penalty", "wd", "weight_decay_rate", "regularization"}},
      {"optimizer", "optimizer.trust_coefficient", {"trust_coef", "eta", "trust_ratio"}},
      {"optimizer",
       "variant is not offered",
       {"amsgrad", "dampening", "maximize", "use_ema", "ema_momentum", "loss_scale_factor"}},
      {"schedule", "schedule.step_epochs", {"step_size", "StepLR", "period"}},
      {"schedule", "schedule.gamma", {"factor", "decay_rate"}},
      {"schedule",
       "schedule.final_fraction",
       {"eta_min", "min_lr", "alpha", "final_lr", "end_learning_rate"}},
      {"schedule", "spans `epochs`", {"T_max", "total_steps", "decay_steps"}},
      {"schedule", "optimizer.learning_rate", {"max_lr"}},
      {"schedule", "schedule.peak", {"pct_start"}},
      {"schedule", "schedule.kind", {"name", "type"}},
      {layer, "mean kernel?", {"kernel_size", "ksize"}},
      {layer, "mean size?", {"pool_size"}},
      {layer, "mean stride?", {"strides"}},
      {layer, "mean filters?", {"out_channels", "num_filters", "out_planes"}},
      {layer, "mean units?", {"out_features", "num_units", "output_dim", "hidden_size"}},
      {layer,
       "follows from the layer before",
       {"in_channels", "in_features", "num_features", "input_shape", "input_dim", "num_channels"}},
      {layer, "mean bias?", {"use_bias"}},
      {layer, "mean initializer?", {"kernel_initializer", "init", "weight_init"}},
      {layer, "biases start at 0", {"bias_initializer"}},
      {layer, "optimizer.weight_decay", {"kernel_regularizer"}},
      {layer, "mean dilation?", {"dilation_rate"}},
      {layer, "mean rate?", {"p", "prob", "probability", "drop_rate", "dropout_rate"}},
      {layer, "mean epsilon?", {"eps"}},
      {layer, "mean activation?", {"act", "nonlinearity"}},
      {layer, "mean groups?", {"num_groups"}},
      {layer, "channels are always last", {"data_format", "axis", "dim"}},
      {layer, "always has scale and shift", {"affine", "track_running_stats", "center", "scale"}},
      {"augmentation", "mean augmentation.mixup?", {"mixup_alpha", "alpha"}},
      {"augmentation", "That is not offered; augmentation.mixup", {"cutmix", "cutmix_alpha"}},
      {"augmentation", "augmentation.constant_value", {"cval", "fill"}},
      {"augmentation", "cut out of larger ones", {"random_resized_crop", "center_crop", "random_crop"}},
      {"augmentation", "normalisation.rescale", {"rescale"}},
      {"augmentation", "kind: per_feature", {"featurewise_center", "featurewise_std_normalization"}},
      {"augmentation", "kind: per_sample", {"samplewise_center", "samplewise_std_normalization"}},
      {"data", "data.path", {"dataset", "file", "filename", "filepath", "root", "data_dir", "data_path"}},
      {"data", "data.images", {"x", "inputs", "features", "x_train"}},
      {"data", "data.labels", {"y", "targets", "target", "y_train"}},
      {"normalisation", "normalisation.deviation", {"std", "stddev", "sigma"}},
      {"early_stopping", "checkpoint.best_by says", {"monitor", "metric"}},
      {"early_stopping", "follows from checkpoint.best_by", {"mode"}},
      {"early_stopping", "checkpoint.keep_best", {"restore_best_weights"}},
      {"early_stopping", "not offered", {"start_from_epoch", "verbose", "baseline"}},
      {"checkpoint", "follows from checkpoint.best_by", {"mode"}},
      {"checkpoint", "mean checkpoint.best_by?", {"monitor", "metric"}},
      {"device", "device.kind", {"type", "name", "gpu", "accelerator"}},
      {"",
       "optimizer.learning_rate",
       {"lr", "learning_rate", "initial_lr", "base_lr", "initial_learning_rate"}},
      {"", "optimizer.momentum", {"momentum"}},
      {"", "optimizer.weight_decay", {"weight_decay"}},
      {"",
       "batch.size",
       {"batch_size", "train_batch_size", "global_batch_size", "per_device_train_batch_size"}},
      {"",
       "mean epochs?",
       {"epoch", "num_epochs", "n_epochs", "max_epochs", "nb_epoch", "nb_epochs", "num_train_epochs",
        "epochs_count"}},
      {"", "may be a fraction", {"max_steps", "num_steps", "steps", "iterations"}},
      {"",
       "data.validation_fraction?",
       {"validation_split", "val_split", "validation_size", "val_size", "validation_fraction", "val_fraction",
        "test_size"}},
      {"", "data.validation names", {"validation_data", "val_data", "validation_set"}},
      {"", "which bounds every variable by itself", {"clipnorm"}},
      {"",
       "mean optimizer.clip_norm?",
       {"global_clipnorm", "max_norm", "max_grad_norm", "grad_clip", "clip_grad_norm", "grad_clip_norm",
        "gradient_clip_val", "gradient_clipping", "clip"}},
      {"", "which turns the gradient", {"clipvalue", "clip_grad_value"}},
      {"", "early_stopping.patience", {"early_stop", "EarlyStopping", "patience"}},
      {"", "early_stopping.minimum_improvement", {"min_delta"}},
      {"", "checkpoint.keep_best", {"save_best_only", "save_best"}},
      {"", "checkpoint.keep_last", {"save_top_k", "max_to_keep", "save_total_limit"}},
      {"",
       "checkpoint.every_steps",
       {"save_freq", "save_steps", "checkpoint_interval", "every_n_train_steps"}},
      {"", "checkpoint.every_epochs", {"period", "every_n_epochs", "save_interval"}},
      {"", "data.loader_threads", {"num_workers", "workers", "dataloader_num_workers"}},
      {"", "data.shuffle", {"shuffle"}},
      {"", "loss.label_smoothing", {"label_smoothing", "label_smoothing_factor"}},
      {"", "metrics.top_k", {"top_k", "top_k_accuracy", "top_k_categorical_accuracy"}},
      {"", "augmentation.mixup", {"mixup", "mixup_alpha"}},
      {"", "loss.class_weights", {"class_weight", "class_weights", "weight"}},
      {"", "data.weights names", {"sample_weight", "sample_weights"}},
      {"", "data.sampling (", {"sampler", "WeightedRandomSampler", "oversample", "oversampling", "balanced"}},
      {"", "mean seed?", {"random_seed", "random_state", "manual_seed"}},
      {"",
       "schedule.warmup_epochs",
       {"warmup", "warmup_steps", "warmup_ratio", "num_warmup_steps", "warmup_target"}},
      {"", "schedule.kind", {"scheduler", "lr_scheduler", "lr_schedule", "learning_rate_schedule"}},
      {"", "device.precision", {"amp", "mixed_precision", "dtype", "dtype_policy", "fp16", "bf16"}},
      {"", "Each GPU is a rank", {"gpus", "num_gpus", "devices", "world_size", "num_nodes"}},
      {"", "batch.shards", {"accumulate_grad_batches", "gradient_accumulation_steps"}},
      {"", "network.layers", {"model", "layers", "architecture"}},
      {"", "network.input", {"input_shape", "image_size", "image_width", "image_height"}},
      {"", "units of the last layer", {"num_classes", "classes"}},
      {"", "keys of `augmentation`", {"data_generator", "data_augmentation", "transforms", "transform"}}};
  std::size_t words = 0;
  for (const Spellings& spellings : all)
    for (const char* name : spellings.names) {
      EXPECT_THAT(advice_about_key(spellings.prefix, name), HasSubstr(spellings.advice)) << name;
      ++words;
    }
  std::size_t known = 0;
  for (const ForeignName& entry : foreign_names())
    known += static_cast<std::size_t>(std::ranges::count(entry.names, ' ')) + 1;
  EXPECT_EQ(words, known) << "a name was added that nobody tries here";
}

TEST(ForeignNames, LayersAreKnownByTheirClasses) {
  const std::vector<Spellings> all{
      {"", "mean max_pool?", {"MaxPool2d", "MaxPool", "MaxPooling"}},
      {"", "mean average_pool?", {"AvgPool2d", "AvgPool", "AveragePooling", "MeanPool"}},
      {"", "mean global_average_pool?", {"GlobalAvgPool2d", "GlobalAvgPool", "GAP"}},
      {"", "AdaptiveAvgPool2d(1)", {"AdaptiveAvgPool2d"}},
      {"", "AdaptiveMaxPool2d(1)", {"AdaptiveMaxPool2d"}},
      {"", "mean dense?", {"Linear", "FullyConnected", "FC"}},
      {"", "mean conv2d?", {"Conv", "Convolution", "Convolution2D"}},
      {"", "A depthwise convolution", {"DepthwiseConv2D", "SeparableConv2D"}},
      {"", "mean batch_norm?", {"BatchNorm", "BatchNorm2d", "BatchNorm1d", "BN"}},
      {"", "mean lrn?", {"LocalResponseNorm"}},
      {"", "group_norm with one group", {"LayerNorm", "LayerNormalization", "InstanceNorm2d"}},
      {"", "mean concat?", {"cat", "Concatenation", "Merge"}},
      {"", "mean softmax?", {"LogSoftmax", "CrossEntropyLoss"}},
      {"", "a layer by its own name", {"Activation"}},
      {"",
       "That activation is not offered",
       {"LeakyReLU", "PReLU", "ELU", "GELU", "SELU", "SiLU", "Swish", "Mish", "Hardswish", "ReLU6"}},
      {"", "drops single values", {"SpatialDropout2D", "Dropout2d", "AlphaDropout", "GaussianDropout"}},
      {"", "key `padding`", {"ZeroPadding2D", "ZeroPad2d"}},
      {"", "network.input gives", {"Input", "InputLayer"}},
      {"", "keys of `normalisation`", {"Rescaling", "Normalization"}}};
  std::size_t words = 0;
  for (const Spellings& spellings : all)
    for (const char* name : spellings.names) {
      EXPECT_THAT(advice_about_layer(name), HasSubstr(spellings.advice)) << name;
      ++words;
    }
  std::size_t known = 0;
  for (const ForeignName& entry : foreign_layers())
    known += static_cast<std::size_t>(std::ranges::count(entry.names, ' ')) + 1;
  EXPECT_EQ(words, known) << "a name was added that nobody tries here";
}

TEST(ForeignNames, WordsMayHaveCapitalLetters) {
  const Config config =
      parse_config(kConfig, "a.yaml",
                   {"optimizer.kind=AdamW", "network.layers.2={Dense: {units: 2, activation: ReLU}}",
                    "network.layers.0.conv2d.padding=SAME", "data.shuffle=False"})
          .config;

  EXPECT_EQ(config.optimizer.kind, OptimizerKind::adamw);
  EXPECT_THAT(config.yaml, HasSubstr("kind: adamw"));
  EXPECT_THAT(config.yaml, HasSubstr("activation: relu"));
  EXPECT_FALSE(config.data.shuffle);
  EXPECT_THAT(message_of({"optimizer.kind=AdamWW"}), HasSubstr("Did you mean adamw?"));
}

TEST(ForeignNames, WhatIsProposedExists) {
  std::set<std::string> keys{"network.layers", "network.input"};
  std::set<std::string> layer_keys;
  for (const Origin& value : config_values(parse_config(kConfig, "a.yaml").config)) keys.insert(value.key);
  for (const LayerType& type : layer_table()) {
    LayerDraft draft{type.operation, {}};
    ConfigWriter writer;
    describe(writer, draft);
    for (const ConfigValue& value : writer.values()) layer_keys.insert(value.key);
  }

  for (const ForeignName& entry : foreign_names()) {
    const std::string key(entry.key);
    EXPECT_TRUE(!entry.key.empty() || !entry.remark.empty()) << entry.names;
    if (key.empty()) continue;
    EXPECT_TRUE((entry.group == "layer" ? layer_keys : keys).contains(key)) << entry.names << " -> " << key;
  }
  for (const ForeignName& entry : foreign_layers()) {
    const std::string word(entry.key);
    if (!word.empty()) {
      EXPECT_THAT(layer_types(), testing::Contains(word)) << entry.names;
    }
  }
}

/// The first entry of a name and group is the one that is found.
TEST(ForeignNames, StandOnceInAGroup) {
  std::set<std::string> seen;
  for (const ForeignName& entry : foreign_names()) {
    std::istringstream names{std::string(entry.names)};
    for (std::string name; names >> name;) {
      EXPECT_EQ(name, bare_name(name));
      EXPECT_TRUE(seen.insert(std::string(entry.group) + "/" + name).second) << entry.group << "/" << name;
    }
  }
}

}  // namespace
}  // namespace annulus::trainer
