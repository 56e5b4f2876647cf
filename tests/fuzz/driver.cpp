// Runs a fuzz target without libFuzzer, with any compiler: every file of the folders named, then mutations of
// them, the same ones for the same seed. Understands the flags of libFuzzer that tests/fuzz uses.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/fuzz_target.hpp"

// Only there with a sanitizer.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

namespace fs = std::filesystem;
using Input = std::vector<std::uint8_t>;

struct Options {
  std::uint64_t runs = 0;
  std::uint64_t seed = 1;
  std::uint64_t seconds = 0;  ///< 0 = as many as the runs take
  std::uint64_t longest = 1 << 16;
  std::vector<std::string> paths;
};

/// What is being run, for the signal handler.
const Input* current = nullptr;

void save_current() {
  if (current == nullptr) return;
  const std::string path = "crash-" + std::to_string(::getpid());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return;
  if (std::fwrite(current->data(), 1, current->size(), file) == current->size())
    std::fprintf(stderr, "the input is in %s (%zu bytes)\n", path.c_str(), current->size());
  std::fclose(file);
  current = nullptr;
}

extern "C" void on_death(int signal) {
  std::fprintf(stderr, "finding: signal %d%s\n", signal,
               signal == SIGALRM ? ", an input takes too long" : "");
  save_current();
  std::_Exit(1);
}

void catch_deaths() {
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(save_current);
  } else {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, on_death);
    const rlimit limit{std::uint64_t{2} << 30, RLIM_INFINITY};  // sanitizers have a limit of their own
    setrlimit(RLIMIT_AS, &limit);
  }
  for (const int signal : {SIGABRT, SIGALRM}) std::signal(signal, on_death);
}

void run_one(const Input& input) {
  constexpr unsigned kSecondsForOne = 20;
  current = &input;
  alarm(kSecondsForOne);
  LLVMFuzzerTestOneInput(input.data(), input.size());
  alarm(0);
  current = nullptr;
}

std::vector<Input> read_corpus(const std::vector<std::string>& paths) {
  std::vector<fs::path> files;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      files.emplace_back(path);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Input> corpus;
  for (const fs::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "%s cannot be read\n", path.c_str());
      std::exit(2);
    }
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  Mutator(const std::vector<Input>& corpus, const Options& options)
      : corpus_(corpus), longest_(options.longest), random_(options.seed) {}

  Input next() {
    Input input = corpus_[below(corpus_.size())];
    for (std::size_t left = 1 + below(6); left > 0; --left) mutate(input);
    if (input.size() > longest_) input.resize(longest_);
    return input;
  }

 private:
  std::size_t below(std::size_t end) { return end == 0 ? 0 : random_() % end; }

  void mutate(Input& input) {
    if (input.empty()) input.push_back(0);
    const std::size_t at = below(input.size());
    const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
    const auto length = static_cast<std::ptrdiff_t>(1 + below(std::min<std::size_t>(input.size() - at, 64)));
    switch (below(7)) {
      case 0:
        *place = static_cast<std::uint8_t>(*place ^ (1U << below(8)));
        break;
      case 1:
        *place = static_cast<std::uint8_t>(random_());
        break;
      case 2:
      case 3:
        put_number(input, at);
        break;
      case 4:
        input.erase(place, place + length);
        break;
      case 5: {
        const Input copy(place, place + length);
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(below(input.size())), copy.begin(),
                     copy.end());
        break;
      }
      default:
        cross(input, at);
    }
  }

  /// A number that sits at an edge, as 1, 2, 4 or 8 bytes.
  void put_number(Input& input, std::size_t at) {
    constexpr std::uint64_t kEdges[] = {0,
                                        1,
                                        2,
                                        0x7F,
                                        0x80,
                                        0xFF,
                                        0x7FFF,
                                        0xFFFF,
                                        0x7FFFFFFF,
                                        0xFFFFFFFF,
                                        0x100000000,
                                        0x7FFFFFFFFFFFFFFF,
                                        0xFFFFFFFFFFFFFFFF,
                                        0xFFFFFFFFFFFFFFF0};
    const std::uint64_t value = kEdges[below(std::size(kEdges))];
    const std::size_t bytes = std::min(std::size_t{1} << below(4), input.size() - at);
    std::memcpy(input.data() + at, &value, bytes);
  }

  /// A piece of another input.
  void cross(Input& input, std::size_t at) {
    const Input& other = corpus_[below(corpus_.size())];
    if (other.empty()) return;
    const std::size_t from = below(other.size());
    const std::size_t bytes = std::min({1 + below(256), other.size() - from, input.size() - at});
    std::memcpy(input.data() + at, other.data() + from, bytes);
  }

  const std::vector<Input>& corpus_;
  std::size_t longest_;
  std::mt19937_64 random_;
};

std::uint64_t number_in(const char* text) {
  std::uint64_t value = 0;
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error == std::errc() && stop == end) return value;
  std::fprintf(stderr, "%s is not a number\n", text);
  std::exit(2);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&](const char* flag) {
      return word.starts_with(flag) ? argv[i] + std::strlen(flag) : nullptr;
    };
    if (const char* runs = value("-runs="))
      options.runs = number_in(runs);
    else if (const char* seed = value("-seed="))
      options.seed = number_in(seed);
    else if (const char* seconds = value("-max_total_time="))
      options.seconds = number_in(seconds);
    else if (const char* longest = value("-max_len="))
      options.longest = number_in(longest);
    else if (!word.starts_with("-"))
      options.paths.push_back(word);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const std::vector<Input> corpus = read_corpus(options.paths);
  if (corpus.empty()) {
    std::fprintf(stderr, "usage: %s [-runs=N] [-seed=S] [-max_total_time=SECONDS] FILE_OR_FOLDER...\n",
                 argv[0]);
    return 2;
  }
  catch_deaths();
  for (const Input& input : corpus) run_one(input);
  Mutator mutator(corpus, options);
  const auto start = std::chrono::steady_clock::now();
  const auto in_time = [&] {
    return options.seconds == 0 ||
           std::chrono::steady_clock::now() - start < std::chrono::seconds(options.seconds);
  };
  std::uint64_t done = 0;
  for (; (done < options.runs || (options.runs == 0 && options.seconds > 0)) && in_time(); ++done)
    run_one(mutator.next());
  std::printf("%zu inputs and %llu mutations of them: no finding\n", corpus.size(),
              static_cast<unsigned long long>(done));
  return 0;
}
