// annulus rich: the RICH detectors, from simulated events on.
#include "trainer/commands/rich/rich.hpp"

namespace annulus::trainer {

void add_rich(Verb& app, Action& action) {
  Verb* rich = app.add_subcommand("rich", "Simulate the RICH detectors of an LHCb-like spectrometer");
  rich->require_subcommand(1);
  add_rich_simulate(*rich, action);
  add_rich_reconstruct(*rich, action);
  add_rich_table(*rich, action);
  add_rich_display(*rich, action);
  add_rich_curves(*rich, action);
  add_rich_images(*rich, action);
}

}  // namespace annulus::trainer
