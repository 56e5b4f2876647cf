// Foreign HDF5 files are read by a process of their own: the library can crash, hang or ask for any amount of
// memory when a file is damaged in the right place, and would take all ranks with it. This process asks, that
// one calls the library (io/hdf5/server.hpp), and all that comes back are checked numbers and values.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "io/files/descriptor.hpp"
#include "io/hdf5/message.hpp"

namespace annulus::io {

struct RowPiece;

/// What a reading process is born with.
struct ReaderEnds {
  int requests = 3;  ///< a stream socket: a request comes, its answer goes
  int file = 4;      ///< the file, opened for reading
};

/// What a reading process may take: a chunk of 1 GiB, packed and not, with room.
constexpr std::uint64_t kReaderMemory = std::uint64_t{6} << 30;
/// Of computing for a request; usual ones take milliseconds.
constexpr std::chrono::milliseconds kReaderTime{20'000};

/// Memory that a process and its reader share. Of System V, as that of files counts for `ulimit -f`; nothing
/// of it stays when the processes end.
class SharedWindow {
 public:
  SharedWindow() = default;
  ~SharedWindow() { detach(); }
  SharedWindow(const SharedWindow&) = delete;
  SharedWindow& operator=(const SharedWindow&) = delete;
  /// Makes it at least so large; what it held may be gone. @throws RuntimeError
  void grow(std::size_t bytes);
  /// Uses that of another process. @throws RuntimeError
  void attach(std::uint64_t id, std::size_t bytes);
  std::uint64_t id() const { return id_; }
  std::span<std::byte> bytes() const { return {place_, size_}; }

 private:
  void detach() noexcept;
  std::uint64_t id_ = 0;
  std::byte* place_ = nullptr;
  std::size_t size_ = 0;
};

/// Starts a process that does serve_hdf5() with these ends. @return its number, a child of this process
using ReaderStarter = std::function<pid_t(const ReaderEnds& ends, const std::string& path)>;

/// From now on, Hdf5File::open() has files read by another process. An empty starter: by this one.
void set_hdf5_reader(ReaderStarter starter);
/// The usual starter: `program kReaderWord FILE`, which calls reader_main().
ReaderStarter start_program(const std::string& program);
inline constexpr const char* kReaderWord = "--read-hdf5";

/// Threads that a reading process unpacks with: no more than the cores that this rank has. 1 unless set.
void set_unpack_threads(int threads);
int unpack_threads();

/// While one lives, files that are closed keep their process: opening them again soon costs nothing.
class KeepReaders {
 public:
  KeepReaders();
  ~KeepReaders();
  KeepReaders(const KeepReaders&) = delete;
  KeepReaders& operator=(const KeepReaders&) = delete;
};

/// One file and the process that reads it, ended with the last file that is open through it. Any thread may
/// ask.
class Hdf5Process {
 public:
  /// The process for a file, the same one as long as the file does not change. @return nothing when files are
  /// read by this process @throws DataError when the file cannot be opened
  static std::shared_ptr<Hdf5Process> reading(const std::string& path);

  Hdf5Process(Descriptor file, std::string path, const ReaderStarter& starter);
  ~Hdf5Process();
  Hdf5Process(const Hdf5Process&) = delete;
  Hdf5Process& operator=(const Hdf5Process&) = delete;

  /// @throws DataError what the other process says, or how it died
  template <class Result, class... Parts>
  Result ask(Hdf5Request request, const Parts&... parts) {
    const std::lock_guard lock(mutex_);
    doing_.clear();
    return ask_alone<Result>(request, parts...);
  }

  struct Rows {
    std::string dataset;
    ElementType type = ElementType::uint8;
    std::uint64_t row_size = 1;  ///< values in a row
  };
  /// Reads pieces of a dataset with this description. Values that the file holds as memory does are read from
  /// it at once, within its bounds. @return bytes of the file @throws DataError
  std::uint64_t read_pieces(const Rows& rows, const DatasetInfo& info, std::span<const RowPiece> pieces);

 private:
  template <class Result, class... Parts>
  Result ask_alone(Hdf5Request request, const Parts&... parts) {
    MessageWriter message;
    message.put(request);
    (message.put(parts), ...);
    MessageReader answer(exchange(message.bytes()));
    auto result = answer.take<Result>();
    answer.expect_end();
    return result;
  }
  std::string exchange(const std::string& request);
  void wait_at_most(int seconds) const;
  [[noreturn]] void report_death();
  void read_plain(std::uint64_t offset, std::span<std::byte> values) const;
  void read_plain_rows(const Rows& rows, std::uint64_t plain_at, std::uint64_t row_bytes,
                       const RowPiece& piece) const;
  std::uint64_t read_window(const Rows& rows, std::uint64_t row_bytes, std::span<const RowPiece> pieces);

  std::string path_;
  Descriptor file_;
  Descriptor socket_;
  SharedWindow window_;  ///< where rows come to lie
  pid_t process_ = -1;
  std::string death_;    ///< why the process is gone
  std::string doing_;    ///< what it was asked for, as the end of a sentence about its death
  bool opened_ = false;  ///< it has answered once
  std::mutex mutex_;
};

}  // namespace annulus::io
