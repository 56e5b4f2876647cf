// What Keras, PyTorch and the tools around them call a key or a layer, and what it is here: for the message
// about a key that does not exist. Nothing is taken under another name, since names that look alike may mean
// other things.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace annulus::trainer {

struct ForeignName {
  std::string_view
      names;  ///< theirs, separated by spaces; letters and digits in lower case count, nothing else
  std::string_view group;   ///< in which they are met: "optimizer", "layer" for keys of layers; "" = anywhere
  std::string_view key;     ///< ours, in full; for "layer" a key of some layers. "" = there is none
  std::string_view remark;  ///< a sentence where the key alone would mislead, or there is none; else ""
};
/// Those of a group stand before those that are met anywhere.
std::span<const ForeignName> foreign_names();
/// Types of layers; `key` is our type.
std::span<const ForeignName> foreign_layers();

/// " Did you mean optimizer.clip_norm?", " <remark>" or "": to be put behind "unknown key NAME.".
/// @param prefix  of the group in which `name` was found: "optimizer", "network.layers.3.dense", "" at the
/// top
std::string advice_about_key(const std::string& prefix, const std::string& name);
/// The same for the type of a layer.
std::string advice_about_layer(const std::string& type);

/// What counts of a name: letters and digits, small.
std::string bare_name(const std::string& name);

}  // namespace annulus::trainer
