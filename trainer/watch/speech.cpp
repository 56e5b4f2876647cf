#include "trainer/watch/speech.hpp"

#include "comm/ranks/speech.hpp"
#include "trainer/watch/crash_record.hpp"

namespace annulus::trainer {

bool claim_speech(const WatchState& state) {
  const std::filesystem::path run = state.run();
  return run.empty() ? comm::speaks_first_on_host(state.party.start)
                     : claim_origin(run / "crash", state.party.rank);
}

}  // namespace annulus::trainer
