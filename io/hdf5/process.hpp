// Foreign HDF5 files are read by a process of their own: the library can crash, hang or ask for any amount of
// memory when a file is damaged in the right place, and would take all ranks with it. This process asks, that
// one calls the library (io/hdf5/server.hpp), and all that comes back are checked numbers and values.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "io/files/descriptor.hpp"
#include "io/hdf5/message.hpp"

namespace annulus::io {

class Hdf5File;
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
bool reads_by_process();
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

/// A process that reads one file, or many of them in turn, and what goes to and fro. One thread at a time has
/// its mutex.
class ReaderProcess {
 public:
  /// @param file  that it is started with   @param path  of that file, or what it reads, for messages
  ReaderProcess(const Descriptor& file, const std::string& path, const ReaderStarter& starter);
  ~ReaderProcess();
  ReaderProcess(const ReaderProcess&) = delete;
  ReaderProcess& operator=(const ReaderProcess&) = delete;

  struct Request {
    std::uint64_t file = 0;    ///< number of the file that it is about
    const std::string& path;   ///< of that file, for messages
    const std::string& bytes;  ///< kind and parts
    const std::string& doing;  ///< what it asks for, as the end of a sentence about a death
    int descriptor = -1;       ///< that goes along
  };
  /// @return Hdf5Answer and what follows @throws DataError, RuntimeError when the process is gone: every
  /// later call throws the same
  std::string exchange(const Request& request);

  std::mutex& mutex() { return mutex_; }
  SharedWindow& window() { return window_; }
  std::uint64_t next_file() { return ++files_; }

 private:
  void wait_at_most(int seconds) const;
  [[noreturn]] void report_death(const Request& request);

  Descriptor socket_;
  SharedWindow window_;  ///< where rows come to lie
  pid_t process_ = -1;
  std::string death_;    ///< why the process is gone
  bool opened_ = false;  ///< it has answered once
  std::uint64_t files_ = 0;
  std::mutex mutex_;
};

/// Requests about a file, as they were sent.
using Questions = std::vector<std::string>;

/// One file and the process that reads it, which ends with the last file that is open through it. Any thread
/// may ask.
class Hdf5Process {
 public:
  /// The process for a file, the same one as long as the file does not change. @return nothing when files are
  /// read by this process @throws DataError when the file cannot be opened
  static std::shared_ptr<Hdf5Process> reading(const std::string& path);

  /// A file with a process of its own.
  Hdf5Process(Descriptor file, std::string path, const ReaderStarter& starter);
  /// A file that a process reads beside others. @param record  gets every question; null: nobody wants them
  Hdf5Process(Descriptor file, std::string path, std::shared_ptr<ReaderProcess> reader,
              std::shared_ptr<Questions> record);
  ~Hdf5Process();
  Hdf5Process(const Hdf5Process&) = delete;
  Hdf5Process& operator=(const Hdf5Process&) = delete;

  /// Asks all of this at once; whoever asks one of them later has the answer at once.
  /// @param keep  more will be asked: the process keeps the file open
  void survey(const Questions& questions, bool keep);

  /// @throws DataError what the other process says, or how it died
  template <class Result, class... Parts>
  Result ask(Hdf5Request request, const Parts&... parts) {
    const std::lock_guard lock(reader_->mutex());
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
  std::string send(const std::string& request, int descriptor = -1);
  std::string result_of(const std::string& answer) const;
  void read_plain(std::uint64_t offset, std::span<std::byte> values) const;
  void read_plain_rows(const Rows& rows, std::uint64_t plain_at, std::uint64_t row_bytes,
                       const RowPiece& piece) const;
  std::uint64_t read_inline(const Rows& rows, const DatasetInfo& info, std::uint64_t row_bytes,
                            std::span<const RowPiece> pieces);
  std::uint64_t read_window(const Rows& rows, std::uint64_t row_bytes, std::span<const RowPiece> pieces);

  std::string path_;
  Descriptor file_;
  std::shared_ptr<ReaderProcess> reader_;
  std::uint64_t number_ = 0;  ///< of the file, for the process
  bool introduced_ = true;    ///< the process has it open, or will
  std::string doing_;
  std::shared_ptr<Questions> record_;
  std::map<std::string, std::string> answers_;  ///< to what survey() has asked
};

/// Opens many files that one process reads in turn, where set_hdf5_reader() has named one.
class SharedReader {
 public:
  /// As Hdf5File::open(). @param record  gets what is asked about the file
  Hdf5File open(const std::string& path, std::shared_ptr<Questions> record = nullptr);
  /// The same, with all of that asked at once. @param keep  whether much more will be asked
  Hdf5File open(const std::string& path, const Questions& questions, bool keep);

 private:
  std::shared_ptr<Hdf5Process> start(const std::string& path, std::shared_ptr<Questions> record);
  std::shared_ptr<ReaderProcess> reader_;
};

}  // namespace annulus::io
