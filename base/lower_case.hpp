// Words that mean the same however they are written: AdamW and adamw.
#pragma once

#include <algorithm>
#include <string>

namespace annulus {

/// ASCII letters as small ones; everything else as it is, whatever the locale.
inline std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  });
  return text;
}

}  // namespace annulus
