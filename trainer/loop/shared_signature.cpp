// Names travel as one text each, numbers as they are.
#include "trainer/loop/shared_signature.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace annulus::trainer {
namespace {

constexpr std::string_view kPurpose = "names and pixels of the training data";

template <class Plain>
void share(comm::ProcessGroup& group, Plain& value) {
  static_assert(std::is_trivially_copyable_v<Plain>);
  group.broadcast(std::as_writable_bytes(std::span(&value, 1)), 0, kPurpose);
}

void share(comm::ProcessGroup& group, std::vector<std::string>& names) {
  std::string text = io::joined_names(names);
  std::uint64_t size = text.size();
  share(group, size);
  text.resize(size);
  if (size > 0) group.broadcast(std::as_writable_bytes(std::span(text)), 0, kPurpose);
  names = io::split_names(text);
}

}  // namespace

void share_signature(comm::ProcessGroup& group, std::optional<io::DataSignature>& signature) {
  std::uint64_t known = signature ? 1 : 0;
  share(group, known);
  if (known == 0) return;
  io::DataSignature shared = signature.value_or(io::DataSignature{});
  share(group, shared.classes);
  share(group, shared.pixels);
  std::vector<std::string> form{shared.form};
  share(group, form);
  shared.form = form.at(0);
  std::uint64_t vectors = shared.vectors.size();
  share(group, vectors);
  shared.vectors.resize(vectors);
  for (io::VectorNames& names : shared.vectors) {
    std::vector<std::string> name{names.vector};
    share(group, name);
    names.vector = name.at(0);
    share(group, names.columns);
  }
  signature = std::move(shared);
}

}  // namespace annulus::trainer
