// See found_splits.hpp.
#include "io/survey/found_splits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "io/dataset/axes.hpp"

namespace annulus::io {
namespace {

constexpr int kDeepest = 3;  // Octave's structures

std::string path_of(const std::string& group, const std::string& name) {
  return group == "/" ? name : group + "/" + name;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

bool has(const std::string& text, std::string_view word) { return text.find(word) != std::string::npos; }

/// Octave keeps what it calls x as x/value.
std::string without_value(const std::string& path) {
  constexpr std::string_view kValue = "/value";
  return path.ends_with(kValue) ? path.substr(0, path.size() - kValue.size()) : path;
}

std::string leaf(const std::string& path) {
  const std::string name = without_value(path);
  return lower(name.substr(name.rfind('/') + 1));
}

struct Candidate {
  std::string path;
  DatasetInfo info;
  std::string split;
};

bool is_number(const DatasetInfo& info) {
  return info.type.is_integer() || info.type.kind == StoredType::Kind::real;
}

std::int64_t values_of(const DatasetInfo& info) {
  std::int64_t values = 1;
  for (std::size_t i = 1; i < info.extents.size(); ++i)
    if (__builtin_mul_overflow(values, info.extents[i], &values)) return 0;
  return values;
}

/// What is there under a name that nobody asked for may be of any form.
void add_candidate(const Hdf5File& file, const std::string& path, std::vector<Candidate>& found) {
  try {
    Candidate candidate{path, file.dataset(path).info(), split_of_name(path)};
    if (is_number(candidate.info) && candidate.info.rows() > 0 && !candidate.info.extents.empty())
      found.push_back(std::move(candidate));
  } catch (const DataError&) {
  }
}

std::vector<Candidate> candidates_of(const Hdf5File& file) {
  std::vector<Candidate> found;
  for (const std::string& name : file.members()) {
    if (!file.exists(name)) continue;
    if (file.is_dataset(name))
      add_candidate(file, name, found);
    else
      for (const std::string& path : file.datasets(name, kDeepest)) add_candidate(file, path, found);
  }
  return found;
}

/// How much a name speaks of labels: 0 not at all.
int label_words(const std::string& path) {
  const std::string name = leaf(path);
  if (has(name, "label") || has(name, "target") || has(name, "class")) return 2;
  return name == "y" || name.starts_with("y_") || name.ends_with("_y") ? 1 : 0;
}

/// (N), (N, 1), one-hot (N, K), or (1, N) for `samples`.
bool may_be_labels(const DatasetInfo& info, std::uint64_t samples) {
  const Extents& extents = info.extents;
  if (extents.size() == 2 && extents[0] == 1) return static_cast<std::uint64_t>(extents[1]) == samples;
  return info.rows() == samples && (extents.size() <= 2 || values_of(info) == 1);
}

/// Pictures before flat vectors, the larger of two; a name that speaks of labels is none.
const Candidate* images_of(const std::vector<Candidate>& all, const std::string& split) {
  const Candidate* best = nullptr;
  const auto worth = [](const Candidate& each) {
    const std::size_t rank = each.info.extents.size();
    return std::pair(rank == 3 || rank == 4, values_of(each.info));
  };
  for (const Candidate& each : all) {
    const std::size_t rank = each.info.extents.size();
    if (each.split != split || rank < 2 || rank > 4 || values_of(each.info) < 2) continue;
    if (label_words(each.path) > 0 || (rank == 2 && each.info.extents[0] == 1)) continue;
    if (best == nullptr || worth(each) > worth(*best)) best = &each;
  }
  return best;
}

/// The one whose name speaks of labels, or the only one that can be.
const Candidate* labels_of(const std::vector<Candidate>& all, const Candidate& images) {
  const Candidate* best = nullptr;
  bool twice = false;
  const auto worth = [](const Candidate& each) {
    return std::pair(label_words(each.path), each.info.type.is_integer());
  };
  for (const Candidate& each : all) {
    if (&each == &images || each.split != images.split || !may_be_labels(each.info, images.info.rows()))
      continue;
    if (best != nullptr && worth(each) < worth(*best)) continue;
    twice = best != nullptr && worth(each) == worth(*best);
    best = &each;
  }
  return twice ? nullptr : best;
}

/// The group that two names share, and what they are called inside it.
SplitPlace place_of(const std::string& images, const std::string& labels) {
  const auto group_of = [](const std::string& path) { return path.substr(0, path.find('/')); };
  const bool shared = has(images, "/") && (labels.empty() || group_of(images) == group_of(labels));
  if (!shared || (!labels.empty() && !has(labels, "/"))) return {"/", images, labels};
  const std::string group = group_of(images);
  return {group, images.substr(group.size() + 1), labels.empty() ? "" : labels.substr(group.size() + 1)};
}

std::optional<SplitPlace> find_split(const std::vector<Candidate>& all, const std::string& split) {
  const Candidate* const images = images_of(all, split);
  if (images == nullptr) return std::nullopt;
  const Candidate* const labels = labels_of(all, *images);
  return place_of(images->path, labels == nullptr ? "" : labels->path);
}

void take_place(std::optional<SplitPlace>& split, const std::string& group) {
  if (!split) split = SplitPlace{group, "images", "labels"};
}

/// Whether YAML reads a word as the text that it is.
bool is_plain(const std::string& text) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '/' || c == '-';
  });
  const auto first = static_cast<unsigned char>(text.empty() ? ' ' : text.front());
  return plain && (std::isalpha(first) != 0 || first == '/' || first == '.' || first == '_' ||
                   std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c) != 0; }));
}

std::string yaml_word(const std::string& text) {
  constexpr std::array kOther{"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  if (is_plain(text) && std::ranges::find(kOther, lower(text)) == kOther.end()) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < ' ')
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::string SplitPlace::images_path() const { return path_of(group, images); }
std::string SplitPlace::labels_path() const { return labels.empty() ? "" : path_of(group, labels); }

std::string split_of_name(const std::string& name) {
  const std::string text = lower(without_value(name));
  if (has(text, "train")) return "train";
  if (has(text, "test") && !has(text, "latest")) return "test";
  for (std::size_t at = text.find("val"); at != std::string::npos; at = text.find("val", at + 1)) {
    const bool begins = at == 0 || std::isalpha(static_cast<unsigned char>(text[at - 1])) == 0;
    const char behind = at + 3 < text.size() ? text[at + 3] : ' ';
    const bool ends = std::isalpha(static_cast<unsigned char>(behind)) == 0;
    if (begins && (ends || text.compare(at, 5, "valid") == 0)) return "validation";
  }
  return "";
}

FoundSplits splits_of_groups(const std::vector<std::string>& groups) {
  FoundSplits found;
  const auto called = [&](const char* name) { return std::ranges::find(groups, name) != groups.end(); };
  if (called("train")) take_place(found.train, "train");
  if (called("validation")) take_place(found.validation, "validation");
  if (called("test")) take_place(found.test, "test");
  for (const std::string& group : groups) {
    const std::string split = split_of_name(group);
    if (split == "train") take_place(found.train, group);
    if (split == "validation") take_place(found.validation, group);
    if (split == "test") take_place(found.test, group);
  }
  const auto is_other = [](const std::string& group) { return split_of_name(group).empty(); };
  if (!found.train && std::ranges::count_if(groups, is_other) == 1)
    take_place(found.train, *std::ranges::find_if(groups, is_other));
  return found;
}

FoundSplits guess_splits(const Hdf5File& file) {
  const std::vector<Candidate> all = candidates_of(file);
  FoundSplits found{find_split(all, "train"), find_split(all, "validation"), find_split(all, "test")};
  if (!found.train) found.train = find_split(all, "");
  return found;
}

ImageAxes guess_axes(const Hdf5File& file, const std::string& images) {
  const Extents extents = file.dataset(images).info().extents;
  if (extents.size() < 3) return ImageAxes::automatic;
  if (!writer_of_reversed_axes(file, images).empty()) return reversed_axes(extents);
  constexpr std::int64_t kFew = 4;   // channels
  constexpr std::int64_t kMany = 8;  // rows or columns
  constexpr std::int64_t kSome = 5;  // of small pictures, grey or in colour
  const bool usual = extents.size() == 4 && (extents[1] == 1 || extents[1] == 3) && extents[2] >= kSome &&
                     extents[3] >= kSome;
  const bool channels_first = usual || (extents.size() == 4 && extents[1] <= kFew && extents[2] >= kMany &&
                                        extents[3] >= kMany && (extents[1] != 2 || extents[2] == extents[3]));
  return channels_first ? ImageAxes::nchw : ImageAxes::automatic;
}

DataKeys data_keys(const FoundSplits& splits, ImageAxes axes, std::int64_t first_label) {
  expect_contract(splits.train.has_value(), "a training needs samples to train on");
  DataKeys keys;
  const auto add = [&](const char* key, const std::string& value, const std::string& usual) {
    if (value != usual) keys.emplace_back(key, value);
  };
  const SplitPlace& train = *splits.train;
  add("train", train.group, "train");
  add("images", train.images, "images");
  add("labels", train.labels, "labels");
  if (splits.validation) {
    add("validation", splits.validation->group, "validation");
    add("validation_images", splits.validation->images, train.images);
    if (!splits.validation->labels.empty()) add("validation_labels", splits.validation->labels, train.labels);
  }
  if (splits.test) {
    add("test", splits.test->group, "test");
    add("test_images", splits.test->images, train.images);
    if (!splits.test->labels.empty()) add("test_labels", splits.test->labels, train.labels);
  }
  if (axes != ImageAxes::automatic) keys.emplace_back("axes", word_of(axes));
  if (first_label != 0) keys.emplace_back("first_label", std::to_string(first_label));
  return keys;
}

std::string config_line(std::span<const std::string> files, const DataKeys& keys) {
  std::vector<std::string> names;
  for (const std::string& file : files) names.push_back(yaml_word(file));
  const bool one = files.size() == 1 && files.front().find('*') == std::string::npos;
  std::string line = one ? fmt::format("data: {{path: {}", names.front())
                         : fmt::format("data: {{files: [{}]", fmt::join(names, ", "));
  for (const auto& [key, value] : keys) line += fmt::format(", {}: {}", key, yaml_word(value));
  return line + "}";
}

std::string shell_word(const std::string& text) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || has("_./-=:,+@%", std::string_view(reinterpret_cast<char*>(&c), 1));
  });
  if (plain) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string command_words(const DataKeys& keys) {
  std::string words;
  for (const auto& [key, value] : keys)
    words += ' ' + shell_word(fmt::format("data.{}={}", key, yaml_word(value)));
  return words;
}

}  // namespace annulus::io
