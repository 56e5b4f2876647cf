// Locale-free conversions; shortest texts that read back exactly come from fmt.
#include "trainer/model/scalar_values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace annulus::trainer {
namespace {

template <class Number>
std::optional<Number> convert(const std::string& text) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  if (begin != end && *begin == '+') ++begin;
  Number value{};
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc{} || stop != end || begin == end) return std::nullopt;
  return value;
}

template <class Real>
std::optional<Real> parse_real(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) {
    const std::optional<Real> value = convert<Real>(text);
    return value && std::isfinite(*value) ? value : std::nullopt;
  }
  const std::optional<double> above = convert<double>(text.substr(0, slash));
  const std::optional<double> below = convert<double>(text.substr(slash + 1));
  if (!above || !below) return std::nullopt;
  const Real value = static_cast<Real>(*above / *below);
  return std::isfinite(value) ? std::optional<Real>(value) : std::nullopt;
}

bool is_plain(const std::string& text) {
  const auto safe = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '/' || c == '-';
  };
  const bool looks_null = text == "null" || text == "Null" || text == "NULL";
  return !text.empty() && text[0] != '-' && !looks_null && std::all_of(text.begin(), text.end(), safe) &&
         text.find("...") != 0;
}

}  // namespace

std::optional<double> parse_double(const std::string& text) { return parse_real<double>(text); }
std::optional<float> parse_float(const std::string& text) { return parse_real<float>(text); }
std::optional<std::int64_t> parse_whole(const std::string& text) { return convert<std::int64_t>(text); }

std::string to_yaml(const std::string& text) {
  if (is_plain(text)) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace annulus::trainer
