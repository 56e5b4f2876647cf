// Starts MPI when a launcher is there, splits the world by host, and ends it for all ranks together.
#include "comm/ranks/mpi_session.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <system_error>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "base/process_identity.hpp"
#include "comm/ranks/call_guard.hpp"
#include "comm/ranks/launcher.hpp"
#include "comm/ranks/mpi_group.hpp"
#include "comm/ranks/mpi_node_memory.hpp"
#include "comm/ranks/speech.hpp"

namespace annulus::comm {
namespace {

/// FUNNELED is enough, as only the main thread calls MPI, and cheaper than MULTIPLE.
void initialise_mpi(int& argc, char**& argv) {
  int provided = MPI_THREAD_SINGLE;
  CHECK_MPI(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided));
  return_errors(MPI_COMM_WORLD);
  return_errors(MPI_COMM_SELF);
  if (provided < MPI_THREAD_FUNNELED) {
    throw RuntimeError(
        "This MPI library was built without support for threads (MPI_THREAD_FUNNELED), which the worker threads need. Use an MPI library with it; the one of the distribution has it.");
  }
}

std::unique_ptr<MpiGroup> make_node_group(MPI_Comm world) {
  MPI_Comm node = MPI_COMM_NULL;
  CHECK_MPI(MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node));
  return std::make_unique<MpiGroup>(OwnedCommunicator(node));
}

/// Output that is stuck, or a launcher that is, must not keep a process that is to end.
constexpr std::chrono::seconds kSecondsForAbort{3};

void end_by_itself_after(std::chrono::seconds time, ExitCode code) noexcept {
  try {
    std::thread([time, code] {
      std::this_thread::sleep_for(time);
      _exit(static_cast<int>(code));
    }).detach();
  } catch (const std::system_error&) {
    alarm(static_cast<unsigned>(time.count()));  // no thread to be had: then by a signal, with its code
  }
}

const char* thread_support() {
  int provided = MPI_THREAD_SINGLE;
  CHECK_MPI(MPI_Query_thread(&provided));
  if (provided == MPI_THREAD_MULTIPLE) return "multiple";
  if (provided == MPI_THREAD_SERIALIZED) return "serialized";
  return provided == MPI_THREAD_FUNNELED ? "funneled" : "single";
}

}  // namespace

/// Three communicators: `all` for the work; `node` for what a host shares; `failed`, where nothing of the
/// work can be under way, so that ranks that left it at different calls still understand each other.
struct MpiSession::State {
  World world;
  bool started = false;           ///< MPI is initialised and to be finalised here
  double call_limit_s = 0;        ///< of MPI's first and last calls and of waits; 0: none
  std::unique_ptr<MpiGroup> all;  ///< only when started
  std::unique_ptr<MpiGroup> node;
  std::unique_ptr<MpiGroup> failed;   ///< for ranks that have failed: nobody else talks here
  std::uint64_t cause = 0;            ///< of this rank's failure; MPI may look at it for long
  std::vector<std::uint64_t> causes;  ///< of all ranks; late ones are received whenever they come
  bool all_failed = false;
  std::unique_ptr<ProcessGroup> serial;  ///< only when not started

  void start(const Launch& launch, int& argc, char**& argv);
  void finish() noexcept;
};

void MpiSession::State::start(const Launch& launch, int& argc, char**& argv) {
  call_limit_s = mpi_call_limit([](const char* name) { return std::getenv(name); });
  const CallGuard guard({.name = "MPI_Init",
                         .meaning = "so the work cannot begin",
                         .rank = launched_rank([](const char* name) { return std::getenv(name); }),
                         .host = world.host,
                         .limit_seconds = call_limit_s});
  initialise_mpi(argc, argv);
  started = true;
  all = MpiGroup::duplicate(MPI_COMM_WORLD);
  if (launch.ranks > 1 && all->size() == 1) throw UsageError("{}", separate_worlds_message(launch));
  node = make_node_group(all->communicator());
  failed = MpiGroup::duplicate(all->communicator());
  world.rank = all->rank();
  world.ranks = all->size();
  world.node_rank = node->rank();
  world.node_ranks = node->size();
  all->set_limit(call_limit_s > 0
                     ? std::chrono::ceil<std::chrono::seconds>(std::chrono::duration<double>(call_limit_s))
                     : kNoLimit);
  std::random_device chance;
  world.start = chance() * std::uint64_t{1000003} + chance();
  all->broadcast(std::as_writable_bytes(std::span(&world.start, 1)), 0, "number of this start");
}

void MpiSession::State::finish() noexcept {
  constexpr unsigned kSecondsAfterFailure = 10;
  try {
    // MPI_Finalize waits for all ranks without a limit. After a failure the ranks may have left the group at
    // different calls, so that a barrier there would prove nothing; then the alarm ends a rank that hangs.
    if (all_failed)
      alarm(kSecondsAfterFailure);
    else
      all->barrier("end of the program");
    const CallGuard guard({.name = "MPI_Finalize",
                           .meaning = "although the work is done and saved",
                           .rank = world.rank,
                           .host = world.host,
                           .limit_seconds = call_limit_s});
    failed.reset();
    node.reset();
    all.reset();
    CHECK_MPI(MPI_Finalize());
  } catch (const std::exception& error) {
    if (speaks_first_on_host(world.start)) log_error("{}", error.what());
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ExitCode::peer));
  }
}

MpiSession::MpiSession(int& argc, char**& argv) : state_(std::make_unique<State>()) {
  const Launch launch = detect_launcher([](const char* name) { return std::getenv(name); });
  state_->world.launcher = launch.launcher;
  state_->world.host = host_name();
  if (launch.uses_mpi) {
    state_->start(launch, argc, argv);
  } else {
    if (launch.ranks > 1) throw UsageError("{}", separate_worlds_message(launch));
    state_->serial = make_serial_group();
  }
}

MpiSession::~MpiSession() {
  // Unwinding from an error the peers do not know of: they would never come. `main` aborts them.
  if (state_->started && std::uncaught_exceptions() == 0) state_->finish();
}

const World& MpiSession::world() const { return state_->world; }

ProcessGroup& MpiSession::group() {
  if (state_->started) return *state_->all;
  return *state_->serial;
}

std::unique_ptr<NodeMemory> MpiSession::allocate_node_memory(std::size_t bytes) {
  if (state_->world.node_ranks == 1) return make_private_memory(bytes);
  state_->node->set_limit(state_->all->limit());
  return make_shared_memory(*state_->node, bytes);
}

std::unique_ptr<NodeMemory> MpiSession::try_allocate_shared(std::size_t bytes) {
  const World& world = state_->world;
  if (world.ranks == 1 || world.node_ranks != world.ranks) return nullptr;
  // Rank 0 looks for all: /dev/shm changes, and ranks that find different answers would part ways.
  bool room = world.rank == 0 && has_room_for_shared_memory(bytes);
  state_->all->broadcast(std::as_writable_bytes(std::span(&room, 1)), 0, "room for shared memory");
  if (!room) return nullptr;
  try {
    return allocate_node_memory(bytes);
  } catch (const NoSharedMemory&) {  // on all of them: another job was faster
    return nullptr;
  }
}

Failure MpiSession::meet_failed(std::uint64_t cause) noexcept {
  constexpr std::chrono::seconds kPatience{2};  // enough for ranks that meet the same error one after another
  if (!state_->started) return Failure::of_all_alike;
  try {
    std::vector<std::uint64_t>& causes = state_->causes;
    state_->cause = cause;
    causes.assign(static_cast<std::size_t>(state_->world.ranks), 0);
    state_->failed->set_limit(kPatience);
    state_->failed->all_gather(std::as_bytes(std::span(&state_->cause, 1)),
                               std::as_writable_bytes(std::span(causes)), "failure of all ranks");
    state_->all_failed = true;
    const bool alike = std::all_of(causes.begin(), causes.end(), [&](auto other) { return other == cause; });
    return alike ? Failure::of_all_alike : Failure::of_all;
  } catch (const std::exception&) {
    return Failure::alone;  // the error that led here is the one to report
  }
}

bool MpiSession::speaks_first() noexcept { return speaks_first_on_host(state_->world.start); }

void MpiSession::abort(ExitCode code) noexcept {
  end_by_itself_after(kSecondsForAbort, code);
  std::fflush(nullptr);  // neither way out writes what is still buffered
  if (state_->started) MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  _exit(static_cast<int>(code));
}

std::string MpiSession::describe() const {
  if (!state_->started) return "not started";
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  CHECK_MPI(MPI_Get_library_version(text, &length));
  std::string version(text, static_cast<std::size_t>(length));
  version = version.substr(0, version.find(','));  // "Open MPI v4.1.4, package: ..., ident: ..."
  if (const auto mark = version.find(" v"); mark != std::string::npos) version.erase(mark + 1, 1);
  return fmt::format("{}, thread support {}", version, thread_support());
}

}  // namespace annulus::comm
