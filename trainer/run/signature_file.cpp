// See signature_file.hpp.
#include "trainer/run/signature_file.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"

namespace annulus::trainer {
namespace {

constexpr const char* kGroup = "data";
constexpr const char* kClasses = "data/classes";

constexpr const char* kColumns = "data/columns";

std::string columns_path(std::size_t vector) { return fmt::format("{}/{}", kColumns, vector); }

std::size_t vector_number(const std::string& member, const std::string& file) {
  constexpr std::size_t kMostVectors = 1024;
  std::size_t number = kMostVectors;
  const char* const end = member.data() + member.size();
  const auto [stop, error] = std::from_chars(member.data(), end, number);
  if (error != std::errc{} || stop != end || number >= kMostVectors)
    throw DataError("{}, {}: {} is not the number of a vector. The checkpoint is damaged.", file, kColumns,
                    quoted_name(member));
  return number;
}

void write_names(io::Hdf5File& file, const std::string& path, const std::vector<std::string>& names) {
  const std::string text = io::joined_names(names);
  file.write(path, {static_cast<std::int64_t>(text.size())},
             std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

/// @param left  bytes of names that may still come: a file may claim any number of lists
std::vector<std::string> read_names(const io::Hdf5File& file, const std::string& path, std::uint64_t& left) {
  if (!file.exists(path)) return {};
  const std::uint64_t size = io::checked_bytes(file.dataset(path).info(), file.path(), path);
  if (size > left)
    throw DataError(
        "{}, {}: takes {} bytes, more than a checkpoint keeps of names. The checkpoint is damaged.",
        file.path(), path, size);
  left -= size;
  const std::vector<std::uint8_t> bytes = file.read<std::uint8_t>(path);
  if (bytes.empty() || bytes.back() != 0)
    throw DataError("{}, {}: is not a list of names, each ended by a zero byte. The checkpoint is damaged.",
                    file.path(), path);
  return io::split_names({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::size_t name_bytes(const std::vector<std::string>& names) {
  std::size_t bytes = 0;
  for (const std::string& name : names) bytes += name.size() + 1;
  return bytes;
}

/// Whether names are worth their bytes.
bool are_kept(const std::vector<std::string>& names, const std::string& what, std::size_t& left) {
  if (names.empty()) return false;
  const std::size_t bytes = name_bytes(names);
  if (bytes <= left) {
    left -= bytes;
    return true;
  }
  log_warning(
      "the names of the {} take {:.0f} MB, more than a checkpoint keeps: other data will be compared with the model by number",
      what, static_cast<double>(bytes) / 1e6);
  return false;
}

void write_pixels(io::Hdf5File& file, const io::PixelFacts& pixels) {
  file.set_attribute(kGroup, "pixel_type", word_of(pixels.type));
  file.set_attribute(kGroup, "rescale", pixels.rescale);
  if (!pixels.measured) return;
  file.set_attribute(kGroup, "pixel_smallest", pixels.smallest);
  file.set_attribute(kGroup, "pixel_largest", pixels.largest);
  file.set_attribute(kGroup, "pixel_mean", pixels.mean);
  file.set_attribute(kGroup, "pixel_deviation", pixels.deviation);
}

double finite_attribute(const io::Hdf5File& file, const char* name) {
  const double value = file.double_attribute(kGroup, name);
  if (!std::isfinite(value))
    throw DataError("{}, {}: the attribute {} is {}. The checkpoint is damaged.", file.path(), kGroup, name,
                    value);
  return value;
}

io::PixelFacts read_pixels(const io::Hdf5File& file) {
  const std::string word = file.string_attribute(kGroup, "pixel_type");
  const auto type = enum_of<io::PixelType>(word);
  if (!type)
    throw DataError(
        "{}, {}: the attribute pixel_type is {}, which is not a type of pixels. The checkpoint is damaged.",
        file.path(), kGroup, quoted_name(word));
  io::PixelFacts pixels{.type = *type, .rescale = finite_attribute(file, "rescale")};
  if (!file.has_attribute(kGroup, "pixel_mean")) return pixels;
  pixels.measured = true;
  pixels.smallest = finite_attribute(file, "pixel_smallest");
  pixels.largest = finite_attribute(file, "pixel_largest");
  pixels.mean = finite_attribute(file, "pixel_mean");
  pixels.deviation = finite_attribute(file, "pixel_deviation");
  return pixels;
}

/// Null where there is none.
nlohmann::json member(const nlohmann::json& json, const std::string& name) {
  const auto found = json.is_object() ? json.find(name) : json.end();
  return json.is_object() && found != json.end() ? *found : nlohmann::json();
}

std::set<std::string> member_names(const nlohmann::json& one, const nlohmann::json& other) {
  std::set<std::string> names;
  for (const nlohmann::json* json : {&one, &other})
    for (auto entry = json->begin(); json->is_object() && entry != json->end(); ++entry)
      names.insert(entry.key());
  return names;
}

std::string value_text(const nlohmann::json& value) {
  return value.is_null() ? "" : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// "0 is "doe" (and 3 more)": the first entry of a list that is another in the other one.
std::string list_text(const nlohmann::json& list, const nlohmann::json& other) {
  std::size_t first = 0, differing = 0;
  for (std::size_t i = std::max(list.size(), other.size()); i-- > 0;) {
    if (i < list.size() && i < other.size() && list[i] == other[i]) continue;
    first = i;
    ++differing;
  }
  const bool named = first < list.size() && list[first].is_string();
  return fmt::format("{} is {}{}", first,
                     named ? quoted_name(list[first].get<std::string>()) : std::string("nothing"),
                     differing > 1 ? fmt::format(" (and {} more)", differing - 1) : "");
}

void add_difference(const std::string& key, const nlohmann::json& one, const nlohmann::json& other,
                    std::vector<KeyDifference>& differences) {
  if (one == other) return;
  if (one.is_array() && other.is_array())
    differences.push_back({key, list_text(one, other), list_text(other, one)});
  else
    differences.push_back({key, value_text(one), value_text(other)});
}

}  // namespace

void write_signature(io::Hdf5File& file, const io::DataSignature& signature) {
  file.create_group(kGroup);
  std::size_t left = kMostNameBytes;
  if (are_kept(signature.classes, "classes", left)) write_names(file, kClasses, signature.classes);
  for (std::size_t k = 0; k < signature.vectors.size(); ++k) {
    const io::VectorNames& vector = signature.vectors[k];
    if (!are_kept(vector.columns, "columns of " + vector.vector, left)) continue;
    write_names(file, columns_path(k), vector.columns);
    file.set_attribute(columns_path(k), "vector", vector.vector);
  }
  write_pixels(file, signature.pixels);
  if (!signature.form.empty()) file.set_attribute(kGroup, "form", signature.form);
}

std::optional<io::DataSignature> read_signature(const io::Hdf5File& file) {
  if (!file.exists(kGroup)) return std::nullopt;
  std::uint64_t left = kMostNameBytes;
  io::DataSignature signature{
      .classes = read_names(file, kClasses, left), .vectors = {}, .pixels = read_pixels(file)};
  if (file.has_attribute(kGroup, "form")) signature.form = file.string_attribute(kGroup, "form");
  if (!file.exists(kColumns)) return signature;
  for (const std::string& member : file.members(kColumns)) {
    const std::size_t k = vector_number(member, file.path());
    // Vectors without names leave gaps in the numbers.
    if (k >= signature.vectors.size()) signature.vectors.resize(k + 1);
    signature.vectors[k] = {file.string_attribute(columns_path(k), "vector"),
                            read_names(file, columns_path(k), left)};
  }
  return signature;
}

std::string signature_json(const io::DataSignature& signature) {
  using Json = nlohmann::ordered_json;
  const io::PixelFacts& pixels = signature.pixels;
  Json json{{"classes", signature.classes}, {"columns", Json::object()}};
  for (const io::VectorNames& vector : signature.vectors) json["columns"][vector.vector] = vector.columns;
  json["pixels"] = {{"type", word_of(pixels.type)}, {"rescale", pixels.rescale}};
  if (pixels.measured)
    json["pixels"].update({{"smallest", pixels.smallest},
                           {"largest", pixels.largest},
                           {"mean", pixels.mean},
                           {"deviation", pixels.deviation}});
  if (!signature.form.empty()) json["pixels"]["form"] = signature.form;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<KeyDifference> signature_differences(const std::string& one, const std::string& other) {
  const auto read = [](const std::string& text) { return nlohmann::json::parse(text, nullptr, false); };
  const nlohmann::json a = read(one), b = read(other);
  std::vector<KeyDifference> differences;
  if (!a.is_object() || !b.is_object()) return differences;
  add_difference("data.classes", member(a, "classes"), member(b, "classes"), differences);
  for (const char* group : {"columns", "pixels"}) {
    const nlohmann::json own = member(a, group), others = member(b, group);
    for (const std::string& name : member_names(own, others))
      add_difference(fmt::format("data.{}.{}", group, name), member(own, name), member(others, name),
                     differences);
  }
  return differences;
}

}  // namespace annulus::trainer
