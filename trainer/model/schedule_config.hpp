// The schedules of the learning rate that a configuration may ask for; loop/schedule.hpp has their formulas.
#pragma once

#include "base/enum_words.hpp"
#include "trainer/model/kind_table.hpp"

namespace annulus::trainer {

enum class ScheduleKind { constant, step, cosine, one_cycle };

struct ScheduleConfig {
  ScheduleKind kind = ScheduleKind::constant;
  double warmup_epochs = 0;  ///< linear from 0; may be a fraction
  double step_epochs = 30;   ///< multiply by gamma every so many epochs
  double gamma = 0.1;
  double final_fraction = 0.0;   ///< last rate as a fraction of learning_rate
  double start_fraction = 0.04;  ///< first rate as a fraction of learning_rate
  double peak = 0.3;             ///< where the peak is, as a fraction of the run
};

struct ScheduleRow {
  ScheduleKind kind{};
  const char* word = "";
  KindKeys keys;               ///< beside warmup_epochs
  bool spans_the_run = false;  ///< its rates depend on how long the run is to be
};
inline constexpr std::array kSchedules{
    ScheduleRow{ScheduleKind::constant, "constant", {}, false},
    ScheduleRow{ScheduleKind::step, "step", {"step_epochs", "gamma"}, false},
    ScheduleRow{ScheduleKind::cosine, "cosine", {"final_fraction"}, true},
    ScheduleRow{ScheduleKind::one_cycle, "one_cycle", {"final_fraction", "start_fraction", "peak"}, true},
};

}  // namespace annulus::trainer

template <>
struct annulus::EnumWords<annulus::trainer::ScheduleKind> {
  static constexpr std::array kWords = annulus::trainer::words_of(annulus::trainer::kSchedules);
};
