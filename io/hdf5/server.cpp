// See server.hpp. Nothing here defends itself: what the library does to this process ends with it, and the
// rank sees how. So there are limits (of memory, of computing, of files: none may be written), but no
// handlers.
#include "io/hdf5/server.hpp"

#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/worker_pool.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/library.hpp"
#include "io/hdf5/server_limits.hpp"

namespace annulus::io {
namespace {

/// While it lives, the process may compute for so long; then SIGPROF, which nobody handles, ends it. The
/// timer counts the seconds of the processor (ITIMER_PROF), not those of a slow disk.
class TimeLimit {
 public:
  explicit TimeLimit(std::chrono::milliseconds time) { set(time); }
  ~TimeLimit() { set(std::chrono::milliseconds(0)); }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

 private:
  static void set(std::chrono::milliseconds time) {
    itimerval timer{};
    timer.it_value.tv_sec = time.count() / 1000;
    timer.it_value.tv_usec = time.count() % 1000 * 1000;
    ::setitimer(ITIMER_PROF, &timer, nullptr);
  }
};

/// HDF5's words for it; only these are told apart from what is wrong with the file.
bool tells_of_memory(const std::string& message) {
  return message.find("allocation failed") != std::string::npos;
}

std::string failure(Hdf5Answer kind, std::string_view text) {
  MessageWriter answer;
  answer.put(kind);
  answer.put(text);
  return answer.bytes();
}

/// Meets everything in a file once, for what that does to the library, and drops what it reads. Numbers of
/// objects and levels are limited: a file can hold millions, or a group that contains itself.
class Toucher {
 public:
  explicit Toucher(const Hdf5File& file) : file_(file) {}

  void touch_group(const std::string& group, int depth) {
    std::vector<std::string> names;
    attempt([&] { names = file_.members(group.empty() ? "/" : group); });
    for (const std::string& name : names) {
      if (++objects_ > kMostObjects) return;
      const std::string path = group.empty() ? name : group + "/" + name;
      attempt([&] { touch_object(path, depth); });
    }
  }

  void touch_attributes(const std::string& object) {
    std::vector<std::string> names;
    attempt([&] { names = file_.attributes(object); });
    for (const std::string& name : names) {
      attempt([&] { file_.strings_attribute(object, name); });
      attempt([&] { file_.double_attribute(object, name); });
      attempt([&] { file_.uint64_attribute(object, name); });
    }
  }

 private:
  static constexpr int kMostObjects = 10'000;
  static constexpr int kDeepest = 8;

  template <class Call>
  static void attempt(Call&& call) {
    try {
      call();
    } catch (const DataError& error) {
      if (tells_of_memory(error.what())) throw;
    }
  }

  void touch_object(const std::string& path, int depth) {
    if (!file_.exists(path)) return;
    touch_attributes(path);
    if (file_.is_dataset(path))
      file_.dataset(path).touch();
    else if (depth < kDeepest)
      touch_group(path, depth + 1);
  }

  const Hdf5File& file_;
  int objects_ = 0;
};

}  // namespace

/// What rows are read with, for all files.
struct RowTools {
  SharedWindow window;
  std::unique_ptr<WorkerPool> helpers;
  int refused_threads = 0;
};

/// Serves one file.
class Hdf5Server {
 public:
  Hdf5Server(std::string path, int file, RowTools& tools)
      : path_(std::move(path)), descriptor_(file), tools_(tools) {}
  Hdf5Server(std::string path, Descriptor file, RowTools& tools)
      : path_(std::move(path)),
        file_alone_(std::move(file)),
        descriptor_(file_alone_.get()),
        among_many_(true),
        tools_(tools) {}

  std::string answer(std::string request) {
    try {
      MessageReader parts(std::move(request));
      MessageWriter answer;
      answer.put(Hdf5Answer::result);
      respond(parts, answer);
      if (answer.bytes().size() > kMostAnswer)
        throw DataError("{}: has names or attributes of {} bytes, which no sane file has.", path_,
                        answer.bytes().size());
      return answer.bytes();
    } catch (const std::bad_alloc&) {
      return failure(Hdf5Answer::no_memory, "");
    } catch (const DataError& error) {
      return failure(tells_of_memory(error.what()) ? Hdf5Answer::no_memory : Hdf5Answer::data_error,
                     error.what());
    } catch (const std::exception& error) {
      return failure(Hdf5Answer::other_error, error.what());
    }
  }

 private:
  using Names = std::vector<std::string>;

  void respond(MessageReader& parts, MessageWriter& answer) {
    const auto request = parts.take_enum(Hdf5Request::values);
    const auto text = [&parts] { return parts.take<std::string>(); };
    switch (request) {
      case Hdf5Request::open:
        file();
        return answer.put(true);
      case Hdf5Request::exists:
        return answer.put(file().exists(text()));
      case Hdf5Request::leads_elsewhere:
        return answer.put(file().leads_elsewhere(text()));
      case Hdf5Request::is_dataset:
        return answer.put(file().is_dataset(text()));
      case Hdf5Request::members:
        return answer.put(file().members(text()));
      case Hdf5Request::describe:
        return answer.put(dataset(text()).info());
      case Hdf5Request::rows:
        return answer.put(read_rows(parts));
      case Hdf5Request::texts:
        return answer.put(file().texts(text()));
      case Hdf5Request::attributes:
        return answer.put(file().attributes(text()));
      case Hdf5Request::touch:
        touch(file());
        return answer.put(true);
      case Hdf5Request::values:
        return answer.put(std::string_view(all_values(parts)));
      default:
        return respond_attribute(request, parts, answer);
    }
  }

  void respond_attribute(Hdf5Request request, MessageReader& parts, MessageWriter& answer) {
    const auto object = parts.take<std::string>();
    const auto name = parts.take<std::string>();
    if (request == Hdf5Request::has_attribute) return answer.put(has_attribute(object, name));
    if (request == Hdf5Request::strings) return answer.put(file().strings_attribute(object, name));
    std::uint64_t bits = 0;
    file().read_number(object, name, parts.take_enum(ElementType::float64), &bits);
    answer.put(bits);
  }

  /// Of one among many files all names are listed at once: a checked walk to the object each time would cost
  /// more than opening the file.
  bool has_attribute(const std::string& object, const std::string& name) {
    if (!among_many_) return file().has_attribute(object, name);
    auto found = attributes_.find(object);
    if (found == attributes_.end()) {
      constexpr std::size_t kMostKept = 64;
      if (attributes_.size() >= kMostKept) attributes_.clear();
      const bool is_there = file().exists(object);
      found = attributes_.emplace(object, is_there ? file().attributes(object) : Names{}).first;
    }
    return std::ranges::find(found->second, name) != found->second.end();
  }

  std::string all_values(MessageReader& parts) {
    const Hdf5Dataset& source = dataset(parts.take<std::string>());
    const auto type = parts.take_enum(ElementType::float64);
    const std::uint64_t row_bytes = source.row_size() * describe_type(memory_type(type)).bytes;
    if (row_bytes == 0) return "";
    if (source.info().rows() > kMostInline / row_bytes)
      throw RuntimeError("{}: more values than an answer holds were asked for.", path_);
    std::string values(source.info().rows() * row_bytes, '\0');
    const RowPiece all{0, source.info().rows(), reinterpret_cast<std::byte*>(values.data())};
    source.read_pieces(type, {&all, 1});
    return values;
  }

  /// @return bytes of the file
  std::uint64_t read_rows(MessageReader& parts) {
    const Hdf5Dataset& source = dataset(parts.take<std::string>());
    const auto type = parts.take_enum(ElementType::float64);
    const auto threads = parts.take<int>();
    const auto id = parts.take<std::uint64_t>();
    tools_.window.attach(id, parts.take<std::size_t>());
    const auto firsts = parts.take<std::vector<std::uint64_t>>();
    const auto counts = parts.take<std::vector<std::uint64_t>>();
    const std::uint64_t row_bytes = source.row_size() * describe_type(memory_type(type)).bytes;
    if (row_bytes == 0) return 0;
    std::uint64_t room = tools_.window.bytes().size() / row_bytes;
    std::vector<RowPiece> pieces;
    std::byte* place = tools_.window.bytes().data();
    for (std::size_t i = 0; i < std::min(firsts.size(), counts.size()); ++i) {
      if (counts[i] > room) throw RuntimeError("{}: rows larger than the window were asked for.", path_);
      room -= counts[i];
      pieces.push_back({firsts[i], counts[i], place});
      place += counts[i] * row_bytes;
    }
    return source.read_pieces(type, pieces, helpers(threads));
  }

  /// Made when they are first needed. Nobody: this process is alone, or may start no threads.
  WorkerPool* helpers(int threads) {
    constexpr int kMostThreads = 64;
    if (threads <= 1 || threads == tools_.refused_threads) return nullptr;
    try {
      if (!tools_.helpers || tools_.helpers->size() != std::min(threads, kMostThreads))
        tools_.helpers = std::make_unique<WorkerPool>(std::min(threads, kMostThreads));
    } catch (const RuntimeError&) {  // slower, but all the same
      tools_.refused_threads = threads;
    }
    return tools_.helpers.get();
  }

  const Hdf5File& file() {
    if (!file_) file_ = Hdf5File::open_descriptor(descriptor_, path_);
    file_alone_ = Descriptor();  // the library has one of its own
    return *file_;
  }

  Hdf5Dataset& dataset(const std::string& name) {
    constexpr std::size_t kMostOpen = 256;
    const auto found = datasets_.find(name);
    if (found != datasets_.end()) return found->second;
    if (datasets_.size() >= kMostOpen) datasets_.clear();
    return datasets_.emplace(name, file().dataset(name)).first->second;
  }

  std::string path_;
  Descriptor file_alone_;  ///< until the library has opened it
  int descriptor_;
  bool among_many_ = false;
  RowTools& tools_;
  std::optional<Hdf5File> file_;
  std::map<std::string, Names> attributes_;      ///< of objects that were asked for
  std::map<std::string, Hdf5Dataset> datasets_;  ///< open ones keep their index of chunks
};

namespace {

/// Serves all files that a process is handed.
class ManyFileServer {
 public:
  ManyFileServer(const std::string& path, const ReaderEnds& ends) : path_(path) {
    files_.try_emplace(0, path, ends.file, tools_);
  }

  /// @param descriptor  that came along
  std::string answer(std::uint64_t number, std::string request, Descriptor descriptor) {
    try {
      MessageReader parts(request);
      const auto kind = parts.take_enum(Hdf5Request::forget);
      if (kind == Hdf5Request::introduce)
        return introduce(number, parts.take<std::string>(), std::move(descriptor));
      if (kind == Hdf5Request::survey) return survey(number, parts, std::move(descriptor));
      if (kind == Hdf5Request::forget) return forget(number);
    } catch (const std::exception& error) {
      return failure(Hdf5Answer::other_error, error.what());
    }
    const auto found = files_.find(number);
    if (found == files_.end()) return failure(Hdf5Answer::other_error, path_ + ": no file has this number.");
    return found->second.answer(std::move(request));
  }

 private:
  static std::string result(bool value) {
    MessageWriter answer;
    answer.put(Hdf5Answer::result);
    answer.put(value);
    return answer.bytes();
  }

  std::string introduce(std::uint64_t number, std::string path, Descriptor descriptor) {
    files_.erase(number);
    files_.try_emplace(number, std::move(path), std::move(descriptor), tools_);
    return result(true);
  }

  std::string survey(std::uint64_t number, MessageReader& parts, Descriptor descriptor) {
    introduce(number, parts.take<std::string>(), std::move(descriptor));
    const bool keep = parts.take<bool>();
    std::vector<std::string> answers;
    for (std::string& question : parts.take<std::vector<std::string>>())
      answers.push_back(files_.at(number).answer(std::move(question)));
    if (!keep) files_.erase(number);
    MessageWriter answer;
    answer.put(Hdf5Answer::result);
    answer.put(answers);
    return answer.bytes();
  }

  std::string forget(std::uint64_t number) {
    files_.erase(number);
    return result(true);
  }

  std::string path_;
  RowTools tools_;
  std::map<std::uint64_t, Hdf5Server> files_;
};

}  // namespace

void serve_hdf5(const std::string& path, const ReaderEnds& ends, std::chrono::milliseconds limit) {
  // Requests are names and numbers; a longer one is not a request, and the loop ends as if the rank were
  // gone.
  constexpr std::uint64_t kMostRequest = 1 << 20;
  ManyFileServer server(path, ends);
  std::array<std::uint64_t, 2> head{};  // size and number of the file
  const std::span<char> head_bytes{reinterpret_cast<char*>(head.data()), sizeof head};
  for (Descriptor came; receive_all(ends.requests, head_bytes, came) && head[0] <= kMostRequest;) {
    std::string request(head[0], '\0');
    if (!receive_all(ends.requests, request)) return;
    MessageWriter framed;
    {
      const TimeLimit limited(limit);
      framed.put(std::string_view(server.answer(head[1], std::move(request), std::move(came))));
    }
    if (!send_all(ends.requests, framed.bytes())) return;
  }
}

int reader_main(const std::string& path) {
  limit_this_process();
  const ReaderEnds ends;
  close_inherited(std::max(ends.requests, ends.file));
  serve_hdf5(path, ends);
  // What the library would still do about a damaged file, nobody needs.
  std::_Exit(0);
}

void touch(const Hdf5File& file) {
  Toucher toucher(file);
  toucher.touch_attributes("/");
  toucher.touch_group("", 0);
}

}  // namespace annulus::io
