// Names of millions of files without a block of memory for each. Internal to io/import.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>

namespace annulus::io {

/// Keeps texts one behind the other: a text costs its bytes and the view of it.
class NameArena {
 public:
  /// @return a view that lives as long as the arena
  std::string_view add(std::string_view text) {
    if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < text.size()) {
      blocks_.emplace_back();
      blocks_.back().reserve(std::max(kBlock, text.size()));
    }
    std::string& block = blocks_.back();  // never grows beyond what it has reserved: views stay
    const std::size_t begin = block.size();
    block.append(text);
    return std::string_view(block).substr(begin);
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 16;
  std::deque<std::string> blocks_;
};

}  // namespace annulus::io
