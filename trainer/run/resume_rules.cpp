// See resume_rules.hpp.
//
// A run that was resumed claims to be the run that was never interrupted, bit by bit. So the question is not
// whether a difference is harmless, but whether somebody has shown it to be: unknown keys count as different
// numbers (trainer/model/config_compare.cpp lists the exceptions). Four things are compared, each where it
// is known:
//   configuration   numeric_differences()           with the run directory's, and that of a named checkpoint
//   training data   "data.content", a fingerprint   with the checkpoint's, once the data are open
//   names           "data.classes", "data.columns"  with the checkpoint's: what labels and columns mean
//   device          "device.kind"                   what `auto` came to; cpu and cuda round differently
//   machine         "device.numbers"                what a trial shard gives; on a GPU its name and libraries
// All differences are gathered before anything is thrown: who changed three keys hears of three at once.
#include "trainer/run/resume_rules.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/nearest_name.hpp"
#include "base/printable.hpp"
#include "io/dataset/content_hash.hpp"

namespace annulus::trainer {
namespace {

constexpr const char* kContentWord = ", content ";

/// "optimizer" covers "optimizer.kind", but not "optimizers": a group ends at a dot.
bool covers(const std::string& allowed, const std::string& key) {
  return key == allowed || key.starts_with(allowed + ".");
}

/// Keys and the groups that they are in.
std::vector<std::string> all_words(const Config& config) {
  std::vector<std::string> words{kDataContent, kDataClasses, kDataColumns,
                                 kDataPixels,  kDeviceKind,  kDeviceNumbers};
  for (const Origin& value : config_values(config)) {
    words.push_back(value.key);
    for (std::size_t dot = value.key.find('.'); dot != std::string::npos; dot = value.key.find('.', dot + 1))
      words.push_back(value.key.substr(0, dot));
  }
  return words;
}

using Names = std::vector<std::string>;

/// "name 2 is "cat" (and 3 more)" for the first of the names that differs; empty for none.
std::string differing(const Names& names, const Names& others) {
  std::string first;
  std::size_t more = 0;
  for (std::size_t i = 0; i < std::max(names.size(), others.size()); ++i) {
    if (i < names.size() && i < others.size() && names[i] == others[i]) continue;
    const std::string name = i < names.size() ? quoted_name(names[i]) : "nothing";
    if (first.empty())
      first = fmt::format("{} is {}", i, name);
    else
      ++more;
  }
  return first + (more > 0 ? fmt::format(" (and {} more)", more) : "");
}

/// Whether two machines are known to compute other bits. A trial decides where there are two of the same
/// subject; without one their names do.
bool compute_otherwise(const NumbersRecord& one, const NumbersRecord& other) {
  if (one.machine.empty() || other.machine.empty()) return false;  // of a version that did not note it
  if (one.trial == 0 && other.trial == 0) return one.machine != other.machine;
  return one.trial != other.trial && one.trial != 0 && other.trial != 0 && one.subject == other.subject;
}

std::string numbers_text(const NumbersRecord& numbers) {
  if (numbers.trial == 0) return numbers.machine;
  return fmt::format("{} (trial shard {:016x})", numbers.machine, numbers.trial);
}

using Weights = std::map<std::string, Extents>;

Weights weights_of(const Network& network) {
  Weights weights;
  for (const Layer& layer : network.layers)
    for (const Parameter& parameter : layer.parameters)
      weights[layer.name + "/" + parameter.name] = parameter.extents;
  return weights;
}

std::string shape_in(const Weights& weights, const std::string& name) {
  const auto found = weights.find(name);
  return found == weights.end() ? "nothing" : fmt::format("({})", fmt::join(found->second, ", "));
}

/// "dense/kernel is (64, 16) there, (64, 8) now (and 1 more)"; empty where one network takes the weights of
/// the other.
std::string difference_of_weights(const Network& then, const Network& now) {
  const Weights there = weights_of(then);
  const Weights here = weights_of(now);
  Weights all = there;
  all.insert(here.begin(), here.end());
  std::string first;
  std::size_t more = 0;
  for (const auto& [name, extents] : all) {
    if (shape_in(there, name) == shape_in(here, name)) continue;
    if (first.empty())
      first = fmt::format("{} is {} there, {} now", name, shape_in(there, name), shape_in(here, name));
    else
      ++more;
  }
  return first + (more > 0 ? fmt::format(", and {} more", more) : "");
}

}  // namespace

bool allows(const std::vector<std::string>& words, const std::string& key) {
  return std::ranges::any_of(words, [&](const std::string& word) { return covers(word, key); });
}

std::string data_fingerprint(io::SampleSource& source) {
  const io::SourceInfo& info = source.info();
  std::string text =
      fmt::format("{} samples of ({}), {} classes", info.samples, to_string(info.shape), info.classes.size());
  // An endless source has no content to be read; its options are keys of the configuration, and count there.
  if (!info.endless) text += fmt::format("{}{:016x}", kContentWord, io::content_hash(source));
  return text;
}

bool is_fingerprint(const std::string& text) {
  constexpr std::size_t kLongest = 200;
  if (text.empty()) return true;
  const std::size_t shape = text.find(" samples of (");
  const std::size_t classes = text.find(" classes");
  return text.size() <= kLongest && text[0] >= '0' && text[0] <= '9' && shape != std::string::npos &&
         classes != std::string::npos && shape < classes;
}

ResumeRules::ResumeRules(const Config& config, std::vector<std::string> allowed)
    : config_(config), allowed_(std::move(allowed)) {
  const std::vector<std::string> words = all_words(config);
  // A misspelt word would allow nothing and say nothing: the resume would be refused for the very key that
  // the user believes to have allowed.
  for (const std::string& word : allowed_) {
    if (std::ranges::find(words, word) != words.end()) continue;
    const std::string near = io::nearest_name(word, words);
    throw UsageError("--allow-change: there is no key or group '{}'.{} `--print-config` lists the keys.",
                     word, near.empty() ? "" : " Did you mean " + near + "?");
  }
}

void ResumeRules::refuse(const KeyDifference& difference) {
  refused_.push_back(to_string(difference));
  if (std::ranges::find(refused_keys_, difference.key) == refused_keys_.end())
    refused_keys_.push_back(difference.key);
}

void ResumeRules::sort(const KeyDifference& difference) {
  if (!allows(allowed_, difference.key)) return refuse(difference);
  // The run directory and a named checkpoint may tell of the same change: noted once, in the metrics and in
  // environment.json.
  const bool known = std::ranges::any_of(
      allowed_differences_, [&](const KeyDifference& other) { return other.key == difference.key; });
  if (!known) allowed_differences_.push_back(difference);
}

void ResumeRules::compare_config(const std::string& stored, const std::string& source) {
  const Config then = parse_stored_config(stored, source).config;
  const std::string unfit = difference_of_weights(then.network, config_.network);
  if (!unfit.empty()) unfit_ = unfit;
  for (const KeyDifference& difference : numeric_differences(then, config_))
    if (!unfit.empty() && difference.key.starts_with("network."))
      refuse(difference);
    else
      sort(difference);
}

void ResumeRules::compare_origin(const CheckpointInfo& stored, const CheckpointInfo& now,
                                 const std::string& data_note) {
  if (!stored.device.empty() && stored.device != now.device)
    sort({kDeviceKind, stored.device, now.device});
  else if (compute_otherwise(stored.numbers, now.numbers))
    sort({kDeviceNumbers, numbers_text(stored.numbers), numbers_text(now.numbers)});
  compare_content(stored, now, data_note);
  compare_names(stored, now);
}

void ResumeRules::compare_content(const CheckpointInfo& stored, const CheckpointInfo& now,
                                  const std::string& note) {
  if (stored.dataset == now.dataset) return;
  if (stored.dataset.find(kContentWord) == std::string::npos && now.dataset.starts_with(stored.dataset)) {
    log_warning(
        "the checkpoint of step {} is of a version that did not note what the training data hold: that they are the same is taken on trust",
        stored.step);
    return;
  }
  sort({kDataContent, stored.dataset, now.dataset + note});
}

/// Where names are known on one side alone, there is nothing to compare.
void ResumeRules::compare_names(const CheckpointInfo& stored, const CheckpointInfo& now) {
  if (!now.data) return;
  if (!stored.data) {
    log_warning(
        "the checkpoint of step {} is of a version that did not note the names of classes and columns: that they are the same is taken on trust",
        stored.step);
    return;
  }
  const auto compare = [&](const char* key, const std::string& of, const Names& then, const Names& here) {
    if (!then.empty() && !here.empty() && then != here)
      sort({key, of + differing(then, here), of + differing(here, then)});
  };
  compare(kDataClasses, "class ", stored.data->classes, now.data->classes);
  for (const io::VectorNames& then : stored.data->vectors)
    for (const io::VectorNames& here : now.data->vectors)
      if (then.vector == here.vector && !then.vector.empty())
        compare(kDataColumns, "of " + here.vector + " column ", then.columns, here.columns);
}

std::string ResumeRules::remedy() const {
  constexpr std::size_t kShown = 6;
  if (!unfit_.empty())
    return fmt::format(
        ". The change of the network cannot be allowed: the weights of the run do not fit it ({})", unfit_);
  return fmt::format("; or, if the numbers may change, add --allow-change {}",
                     refused_keys_.size() > kShown ? "KEY[,KEY...] (or groups such as `optimizer`)"
                                                   : fmt::format("{}", fmt::join(refused_keys_, ",")));
}

void ResumeRules::require(const std::string& what) const {
  if (refused_.empty()) return;
  throw UsageError(
      "{} was made otherwise, and going on would mix the two. Different: {}. Start again with what was there, or choose another directory with --run DIR and --resume none{}.",
      what, fmt::join(refused_, "; "), remedy());
}

}  // namespace annulus::trainer
