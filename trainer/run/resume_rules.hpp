// Which runs may be gone on with: everything that changes numbers must be as it was, unless the user says
// otherwise.
#pragma once

#include <string>
#include <vector>

#include "io/dataset/sample_source.hpp"
#include "trainer/model/config.hpp"
#include "trainer/run/checkpoint.hpp"

namespace annulus::trainer {

/// Beside the keys of the configuration, what the data and the device turned out to be.
constexpr const char* kDataContent = "data.content";
constexpr const char* kDeviceKind = "device.kind";
/// What the numbers of the data mean, against the data that a model was trained on.
constexpr const char* kDataClasses = "data.classes";
constexpr const char* kDataColumns = "data.columns";
constexpr const char* kDataPixels = "data.pixels";
constexpr const char* kDeviceNumbers = "device.numbers";

/// What identifies the training data in a checkpoint: numbers, shape and a hash of the content
/// (io/dataset/content_hash.hpp); of an endless source numbers and shape.
std::string data_fingerprint(io::SampleSource& source);
/// Whether a text is one, of this version or an earlier one; or empty, as where nothing is known.
bool is_fingerprint(const std::string& text);

/// Whether a list of keys and groups of keys has this key in it.
bool allows(const std::vector<std::string>& words, const std::string& key);

class ResumeRules {
 public:
  /// @param allowed  keys or groups of keys (`optimizer`, `data.content`) that may differ
  /// @throws UsageError for a word that is neither
  ResumeRules(const Config& config, std::vector<std::string> allowed);

  /// Sorts the differences to a stored configuration. A network whose weights have other names or shapes is
  /// refused whatever is allowed. @param source  names it in messages
  void compare_config(const std::string& stored, const std::string& source);
  /// The same for what a checkpoint says about data and device. Older ones do not say all: then a warning.
  /// @param data_note  stands behind other data in the message
  void compare_origin(const CheckpointInfo& stored, const CheckpointInfo& now,
                      const std::string& data_note = {});

  const std::vector<KeyDifference>& allowed() const { return allowed_differences_; }
  /// Differences that are not allowed, as texts.
  const std::vector<std::string>& refused() const { return refused_; }
  /// What would let the run go on in spite of them, as the end of a sentence that gives other advice before:
  /// "; or, ... add --allow-change seed".
  std::string remedy() const;
  /// @throws UsageError naming every difference that is not allowed  @param what  was to be gone on with
  void require(const std::string& what) const;

 private:
  void sort(const KeyDifference& difference);
  void refuse(const KeyDifference& difference);
  void compare_content(const CheckpointInfo& stored, const CheckpointInfo& now, const std::string& note);
  void compare_names(const CheckpointInfo& stored, const CheckpointInfo& now);

  const Config& config_;
  std::vector<std::string> allowed_;
  std::vector<KeyDifference> allowed_differences_;
  std::vector<std::string> refused_;
  std::vector<std::string> refused_keys_;
  std::string unfit_;  ///< how the run's weights differ from the network's; empty: they fit
};

}  // namespace annulus::trainer
