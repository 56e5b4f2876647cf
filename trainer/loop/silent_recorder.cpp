// The recorder of ranks that keep nothing.
#include "trainer/loop/recorder.hpp"

namespace annulus::trainer {
namespace {

class SilentRecorder final : public Recorder {
 public:
  RunState restore(const std::string&) override { return {}; }
  std::optional<RunState> go_back() override { return std::nullopt; }
  void step(const StepRecord&) override {}
  void epoch(const EpochRecord&) override {}
  void event(const RunState&, const std::string&) override {}
  bool checkpoint_due(const RunState&) const override { return false; }
  void checkpoint(const RunState&, bool) override {}
  void ledger(const RunState&) override {}
  void finish() override {}
  std::optional<Error> failure() override { return std::nullopt; }
};

}  // namespace

std::unique_ptr<Recorder> make_silent_recorder() { return std::make_unique<SilentRecorder>(); }

}  // namespace annulus::trainer
