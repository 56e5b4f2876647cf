// Names as of Keras 3.15, PyTorch 2.15, PyTorch Lightning and Transformers.
#include "trainer/model/foreign_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/lower_case.hpp"
#include "trainer/model/layer_table.hpp"

namespace annulus::trainer {
namespace {

constexpr std::string_view kFollows =
    "Leave it out: it follows from the layer before, and network.input gives the images' shape.";
constexpr std::string_view kChannelsLast = "Leave it out: channels are always last.";
constexpr std::string_view kOneRankPerGpu =
    "Each GPU is a rank: start `mpirun -np N annulus train ...` with as many ranks as GPUs.";

constexpr std::array kNames{
    // Keys of optimizers.
    ForeignName{"betas", "optimizer", "optimizer.beta1",
                "The two are optimizer.beta1 and optimizer.beta2 here."},
    ForeignName{"eps", "optimizer", "optimizer.epsilon", ""},
    ForeignName{"alpha discount", "optimizer", "optimizer.rho", ""},
    ForeignName{"name type algorithm class opt optimizer", "optimizer", "optimizer.kind", ""},
    ForeignName{"decay l2 l2penalty wd weightdecayrate regularization", "optimizer", "optimizer.weight_decay",
                ""},
    ForeignName{"trustcoef eta trustratio", "optimizer", "optimizer.trust_coefficient", ""},
    ForeignName{"amsgrad dampening maximize useema emamomentum lossscalefactor", "optimizer", "",
                "That variant is not offered."},
    // Keys of schedules.
    ForeignName{"stepsize steplr period", "schedule", "schedule.step_epochs", ""},
    ForeignName{"factor decayrate", "schedule", "schedule.gamma", ""},
    ForeignName{"etamin minlr alpha finallr endlearningrate", "schedule", "schedule.final_fraction",
                "It is schedule.final_fraction here, as a share of optimizer.learning_rate."},
    ForeignName{"tmax totalsteps decaysteps", "schedule", "epochs",
                "Leave it out: the schedule spans `epochs`."},
    ForeignName{"maxlr", "schedule", "optimizer.learning_rate", ""},
    ForeignName{"pctstart", "schedule", "schedule.peak", ""},
    ForeignName{"name type", "schedule", "schedule.kind", ""},
    // Keys of layers.
    ForeignName{"kernelsize ksize", "layer", "kernel", ""},
    ForeignName{"poolsize", "layer", "size", ""},
    ForeignName{"strides", "layer", "stride", ""},
    ForeignName{"outchannels numfilters outplanes", "layer", "filters", ""},
    ForeignName{"outfeatures numunits outputdim hiddensize", "layer", "units", ""},
    ForeignName{"inchannels infeatures numfeatures inputshape inputdim numchannels", "layer", "", kFollows},
    ForeignName{"usebias", "layer", "bias", ""},
    ForeignName{"kernelinitializer init weightinit", "layer", "initializer", ""},
    ForeignName{"biasinitializer", "layer", "", "Leave it out: biases start at 0."},
    ForeignName{"kernelregularizer", "layer", "",
                "optimizer.weight_decay decays the kernels of all layers alike."},
    ForeignName{"dilationrate", "layer", "dilation", ""},
    ForeignName{"p prob probability droprate dropoutrate", "layer", "rate", ""},
    ForeignName{"eps", "layer", "epsilon", ""},
    ForeignName{"act nonlinearity", "layer", "activation", ""},
    ForeignName{"numgroups", "layer", "groups", ""},
    ForeignName{"dataformat axis dim", "layer", "", kChannelsLast},
    ForeignName{"affine trackrunningstats center scale", "layer", "",
                "Leave it out: a normalisation always has scale and shift."},
    // Keys of augmentation.
    ForeignName{"cval fill", "augmentation", "augmentation.constant_value", ""},
    ForeignName{"randomresizedcrop centercrop randomcrop", "augmentation", "augmentation.crop",
                "augmentation.crop says how images of the size of network.input are cut out of larger ones."},
    ForeignName{"mixupalpha alpha", "augmentation", "augmentation.mixup", ""},
    ForeignName{"cutmix cutmixalpha", "augmentation", "augmentation.mixup",
                "That is not offered; augmentation.mixup and augmentation.cutout_size are."},
    ForeignName{"rescale", "augmentation", "normalisation.rescale", ""},
    ForeignName{"featurewisecenter featurewisestdnormalization", "augmentation", "normalisation.kind",
                "That is normalisation.kind: per_feature here."},
    ForeignName{"samplewisecenter samplewisestdnormalization", "augmentation", "normalisation.kind",
                "That is normalisation.kind: per_sample here."},
    // Keys of data, and of what ends a training and keeps its models.
    ForeignName{"dataset file filename filepath root datadir datapath", "data", "data.path", ""},
    ForeignName{"x inputs features xtrain", "data", "data.images", ""},
    ForeignName{"y targets target ytrain", "data", "data.labels", ""},
    ForeignName{"std stddev sigma", "normalisation", "normalisation.deviation", ""},
    ForeignName{
        "monitor metric", "early_stopping", "checkpoint.best_by",
        "checkpoint.best_by says by which figure (accuracy, loss or macro_recall), for early stopping as well."},
    ForeignName{"mode", "early_stopping", "", "Leave it out: it follows from checkpoint.best_by."},
    ForeignName{"mode", "checkpoint", "", "Leave it out: it follows from checkpoint.best_by."},
    ForeignName{
        "restorebestweights", "early_stopping", "checkpoint.keep_best",
        "checkpoint.keep_best keeps the best model beside the last, and `annulus evaluate` takes it."},
    ForeignName{"startfromepoch verbose baseline", "early_stopping", "", "That is not offered."},
    ForeignName{"monitor metric", "checkpoint", "checkpoint.best_by", ""},
    ForeignName{"type name gpu accelerator", "device", "device.kind", ""},
    // Met anywhere.
    ForeignName{"lr learningrate initiallr baselr initiallearningrate", "", "optimizer.learning_rate", ""},
    ForeignName{"momentum", "", "optimizer.momentum", ""},
    ForeignName{"weightdecay", "", "optimizer.weight_decay", ""},
    ForeignName{"batchsize trainbatchsize globalbatchsize perdevicetrainbatchsize", "", "batch.size",
                "It is batch.size here, the samples of a step over all ranks together."},
    ForeignName{"epoch numepochs nepochs maxepochs nbepoch nbepochs numtrainepochs epochscount", "", "epochs",
                ""},
    ForeignName{"maxsteps numsteps steps iterations", "", "epochs",
                "The length of a training is given in `epochs`, which may be a fraction."},
    ForeignName{"validationsplit valsplit validationsize valsize validationfraction valfraction testsize", "",
                "data.validation_fraction", ""},
    ForeignName{
        "validationdata valdata validationset", "", "data.validation",
        "data.validation names the group of the file; data.validation_fraction takes a part of the training samples."},
    ForeignName{
        "clipnorm", "", "optimizer.clip_norm",
        "optimizer.clip_norm bounds the norm of the whole gradient, as Keras' global_clipnorm does; Keras' clipnorm, which bounds every variable by itself, is not offered."},
    ForeignName{"globalclipnorm maxnorm maxgradnorm gradclip clipgradnorm gradclipnorm gradientclipval "
                "gradientclipping clip",
                "", "optimizer.clip_norm", ""},
    ForeignName{
        "clipvalue clipgradvalue", "", "optimizer.clip_norm",
        "Clipping value by value, which turns the gradient, is not offered; optimizer.clip_norm bounds the norm of the whole gradient."},
    ForeignName{"earlystop earlystopping patience", "", "early_stopping.patience", ""},
    ForeignName{"mindelta", "", "early_stopping.minimum_improvement", ""},
    ForeignName{"savebestonly savebest", "", "checkpoint.keep_best", ""},
    ForeignName{"savetopk maxtokeep savetotallimit", "", "checkpoint.keep_last", ""},
    ForeignName{"savefreq savesteps checkpointinterval everyntrainsteps", "", "checkpoint.every_steps", ""},
    ForeignName{"period everynepochs saveinterval", "", "checkpoint.every_epochs", ""},
    ForeignName{"numworkers workers dataloadernumworkers", "", "data.loader_threads", ""},
    ForeignName{"shuffle", "", "data.shuffle", ""},
    ForeignName{"mixup mixupalpha", "", "augmentation.mixup", ""},
    ForeignName{"labelsmoothing labelsmoothingfactor", "", "loss.label_smoothing", ""},
    ForeignName{"topk topkaccuracy topkcategoricalaccuracy", "", "metrics.top_k", ""},
    ForeignName{"classweight classweights weight", "", "loss.class_weights", ""},
    ForeignName{"sampleweight sampleweights", "", "", "data.weights names the data set that holds them."},
    ForeignName{"sampler weightedrandomsampler oversample oversampling balanced", "", "data.sampling",
                "data.sampling (balanced, weighted) says how often each sample is drawn."},
    ForeignName{"randomseed randomstate manualseed", "", "seed", ""},
    ForeignName{"warmup warmupsteps warmupratio numwarmupsteps warmuptarget", "", "schedule.warmup_epochs",
                "It is schedule.warmup_epochs here, in epochs."},
    ForeignName{"scheduler lrscheduler lrschedule learningrateschedule", "", "schedule.kind", ""},
    ForeignName{"amp mixedprecision dtype dtypepolicy fp16 bf16", "", "device.precision", ""},
    ForeignName{"gpus numgpus devices worldsize numnodes", "", "", kOneRankPerGpu},
    ForeignName{
        "accumulategradbatches gradientaccumulationsteps", "", "batch.shards",
        "batch.shards cuts a step into parts of batch.size / batch.shards samples, whose gradients are summed."},
    ForeignName{"model layers architecture", "", "network.layers", ""},
    ForeignName{"inputshape imagesize imagewidth imageheight", "", "network.input", ""},
    ForeignName{"numclasses classes", "", "network.layers",
                "The units of the last layer are the number of classes."},
    ForeignName{"datagenerator dataaugmentation transforms transform", "", "augmentation.rotation_range",
                "The keys of `augmentation` say what happens to images."},
};

constexpr std::array kLayers{
    ForeignName{"maxpool2d maxpool maxpooling", "", "max_pool", ""},
    ForeignName{"avgpool2d avgpool averagepooling meanpool", "", "average_pool", ""},
    ForeignName{"globalavgpool2d globalavgpool gap", "", "global_average_pool", ""},
    ForeignName{"adaptiveavgpool2d", "", "global_average_pool",
                "Did you mean global_average_pool? It is what AdaptiveAvgPool2d(1) does."},
    ForeignName{"adaptivemaxpool2d", "", "global_max_pool",
                "Did you mean global_max_pool? It is what AdaptiveMaxPool2d(1) does."},
    ForeignName{"linear fullyconnected fc", "", "dense", ""},
    ForeignName{"conv convolution convolution2d", "", "conv2d", ""},
    ForeignName{
        "depthwiseconv2d separableconv2d", "", "conv2d",
        "A depthwise convolution is a conv2d with `groups` and `filters` both the number of channels."},
    ForeignName{"batchnorm batchnorm2d batchnorm1d bn", "", "batch_norm", ""},
    ForeignName{"localresponsenorm", "", "lrn", ""},
    ForeignName{"layernorm layernormalization instancenorm2d", "", "group_norm",
                "That is not offered; group_norm with one group per channel or one for all comes near."},
    ForeignName{"cat concatenation merge", "", "concat", ""},
    ForeignName{"logsoftmax crossentropyloss", "", "softmax", ""},
    ForeignName{
        "activation", "", "relu",
        "An activation is a layer by its own name (relu, sigmoid, tanh, softmax), or the key `activation`."},
    ForeignName{"leakyrelu prelu elu gelu selu silu swish mish hardswish relu6", "", "relu",
                "That activation is not offered; relu, sigmoid and tanh are."},
    ForeignName{"spatialdropout2d dropout2d alphadropout gaussiandropout", "", "dropout",
                "That is not offered; dropout drops single values."},
    ForeignName{"zeropadding2d zeropad2d", "", "conv2d",
                "Give the layer behind it the key `padding`: [top, bottom, left, right]."},
    ForeignName{"input inputlayer", "", "", "Leave it out: network.input gives the images' shape."},
    ForeignName{"rescaling normalization", "", "",
                "Leave it out: the keys of `normalisation` say how pixels are scaled."},
};

bool has_name(const ForeignName& entry, const std::string& bare) {
  const std::string padded = fmt::format(" {} ", entry.names);
  return padded.find(" " + bare + " ") != std::string::npos;
}

std::string advice(const ForeignName& entry) {
  return entry.remark.empty() ? fmt::format(" Did you mean {}?", entry.key)
                              : fmt::format(" {}", entry.remark);
}

}  // namespace

std::span<const ForeignName> foreign_names() { return kNames; }
std::span<const ForeignName> foreign_layers() { return kLayers; }

std::string bare_name(const std::string& name) {
  std::string bare = lower_case(name);
  std::erase_if(bare, [](char c) { return (c < 'a' || c > 'z') && (c < '0' || c > '9'); });
  return bare;
}

std::string advice_about_key(const std::string& prefix, const std::string& name) {
  const std::string group = prefix.starts_with("network.layers.") ? "layer" : prefix;
  const std::string bare = bare_name(name);
  if (bare.empty()) return "";
  for (const ForeignName& entry : kNames)
    if ((entry.group.empty() || entry.group == group) && has_name(entry, bare)) return advice(entry);
  return "";
}

std::string advice_about_layer(const std::string& type) {
  const std::string bare = bare_name(type);
  if (bare.empty()) return "";
  // First: Keras' class of several kinds of layers is Activation, of which there is something to say.
  for (const ForeignName& entry : kLayers)
    if (has_name(entry, bare)) return advice(entry);
  for (const LayerType& known : layer_table())
    if (bare == bare_name(known.keras_class) || bare == bare_name(known.word))
      return fmt::format(" Did you mean {}?", known.word);
  return "";
}

}  // namespace annulus::trainer
