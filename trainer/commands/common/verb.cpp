#include "trainer/commands/common/verb.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace annulus::trainer {

VerbOption* VerbOption::required() {
  option_->required();
  return this;
}

VerbOption* VerbOption::capture_default_str() {
  option_->capture_default_str();
  return this;
}

VerbOption* VerbOption::expected(int words) {
  option_->expected(words);
  return this;
}

VerbOption* VerbOption::delimiter(char letter) {
  option_->delimiter(letter);
  return this;
}

VerbOption* VerbOption::allow_extra_args(bool allowed) {
  option_->allow_extra_args(allowed);
  return this;
}

VerbOption* VerbOption::take_all() {
  option_->take_all();
  return this;
}

template <class Number>
VerbOption* VerbOption::within(Number low, Number high) {
  option_->check(CLI::Range(low, high));
  return this;
}

VerbOption* VerbOption::one_of(const std::vector<std::string>& words) {
  option_->transform(CLI::IsMember(words, CLI::ignore_case));
  return this;
}

Verb* Verb::add_subcommand(const std::string& name, const std::string& text) {
  return &verbs_.emplace_back(*app_->add_subcommand(name, text));
}

void Verb::require_subcommand(int count) { app_->require_subcommand(count); }

void Verb::callback(std::function<void()> work) { app_->callback(std::move(work)); }

template <class Value>
VerbOption* Verb::add_option(const std::string& name, Value& value, const std::string& text) {
  return &options_.emplace_back(*app_->add_option(name, value, text));
}

VerbOption* Verb::add_flag(const std::string& name, bool& value, const std::string& text) {
  return &options_.emplace_back(*app_->add_flag(name, value, text));
}

template VerbOption* VerbOption::within(int, int);
template VerbOption* VerbOption::within(std::uint64_t, std::uint64_t);
template VerbOption* VerbOption::within(double, double);

// Types of values; the linker asks for one that is not among them.
#define ANNULUS_OPTION_OF(...) \
  template VerbOption* Verb::add_option(const std::string&, __VA_ARGS__&, const std::string&)
ANNULUS_OPTION_OF(std::string);
ANNULUS_OPTION_OF(std::vector<std::string>);
ANNULUS_OPTION_OF(std::vector<int>);
ANNULUS_OPTION_OF(double);
ANNULUS_OPTION_OF(int);
ANNULUS_OPTION_OF(std::int64_t);
ANNULUS_OPTION_OF(std::uint64_t);
ANNULUS_OPTION_OF(std::optional<std::uint64_t>);
ANNULUS_OPTION_OF(std::vector<std::int64_t>);
#undef ANNULUS_OPTION_OF

}  // namespace annulus::trainer
