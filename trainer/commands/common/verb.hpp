// What a verb of the program takes on the command line. CLI11 reads it; it stands behind this header because
// its own takes longer to compile than any verb.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace annulus::trainer {

/// A word or a --name with a value. Every setter returns the option, so that they chain.
class VerbOption {
 public:
  explicit VerbOption(CLI::Option& option) : option_(&option) {}

  VerbOption* required();
  /// --help shows the value that the variable holds now.
  VerbOption* capture_default_str();
  /// Words that follow the name.
  VerbOption* expected(int words);
  /// One word may hold several values.
  VerbOption* delimiter(char letter);
  VerbOption* allow_extra_args(bool allowed);
  /// May be given several times.
  VerbOption* take_all();
  /// Both ends included. Number: int, std::uint64_t, double.
  template <class Number>
  VerbOption* within(Number low, Number high);
  VerbOption* one_of(const std::vector<std::string>& words);

 private:
  CLI::Option* option_;
};

/// A verb, or the program itself with its verbs. What add_* return lives as long as the verb.
class Verb {
 public:
  explicit Verb(CLI::App& app) : app_(&app) {}
  Verb(const Verb&) = delete;
  Verb& operator=(const Verb&) = delete;

  Verb* add_subcommand(const std::string& name, const std::string& text);
  /// The command line must name `count` of the verbs below this one.
  void require_subcommand(int count);
  /// What to do once the command line is read and names this verb.
  void callback(std::function<void()> work);

  /// @param name "word" by position, or "--name"
  /// @param value where what was given goes; read by the verb. Types: those at the end of verb.cpp.
  template <class Value>
  VerbOption* add_option(const std::string& name, Value& value, const std::string& text);
  VerbOption* add_flag(const std::string& name, bool& value, const std::string& text);

 private:
  CLI::App* app_;
  std::deque<Verb> verbs_;  ///< deques: what is in them never moves
  std::deque<VerbOption> options_;
};

}  // namespace annulus::trainer
