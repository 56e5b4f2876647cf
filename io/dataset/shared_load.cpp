// A report a rank; all are read once all are written.
#include "io/dataset/shared_load.hpp"

#include <cstdint>
#include <cstring>

#include "base/error.hpp"

namespace annulus::io {
namespace {

struct LoadReport {
  std::int32_t failed = 0;
  char message[SharedLoad::kReportBytes - sizeof(std::int32_t)] = "";
};
static_assert(sizeof(LoadReport) == SharedLoad::kReportBytes);

LoadReport report_of(const std::function<void(int part, int parts)>& fill, int part, int parts) {
  LoadReport report;
  try {
    fill(part, parts);
  } catch (const std::exception& error) {
    report.failed = 1;
    std::strncpy(report.message, error.what(), sizeof report.message - 1);
  }
  return report;
}

}  // namespace

void SharedLoad::run(const std::function<void(int part, int parts)>& fill) {
  const int part = memory_.part();
  const int parts = memory_.parts();
  if (parts > kMostParts)
    throw RuntimeError("{} ranks on one host share a dataset, but at most {} can.", parts, kMostParts);
  LoadReport report = report_of(fill, part, parts);
  const auto place = [&](int other) {
    return memory_.bytes().data() + static_cast<std::size_t>(other) * sizeof report;
  };
  std::memcpy(place(part), &report, sizeof report);
  memory_.synchronise();
  for (int other = 0; other < parts; ++other) {
    std::memcpy(&report, place(other), sizeof report);
    if (report.failed != 0) throw DataError("{}", report.message);
  }
}

}  // namespace annulus::io
