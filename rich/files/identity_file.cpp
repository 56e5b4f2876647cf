#include "rich/files/identity_file.hpp"

#include <fmt/ranges.h>

#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "io/files/atomic_file.hpp"
#include "io/hdf5/file.hpp"
#include "rich/files/event_file.hpp"

namespace annulus::rich {
namespace {

constexpr const char* kGroup = "reconstruction";

std::int64_t row_values(const std::vector<std::int64_t>& row) {
  std::int64_t values = 1;
  for (const std::int64_t extent : row) values *= extent;
  return values;
}

Extents extents_of(std::size_t tracks, const std::vector<std::int64_t>& row) {
  Extents extents{static_cast<std::int64_t>(tracks)};
  extents.insert(extents.end(), row.begin(), row.end());
  return extents;
}

void copy_file(const std::string& from, const std::string& to) {
  std::error_code error;
  io::require_free_space(to, std::filesystem::file_size(from, error));
  if (!error) std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing, error);
  if (error)
    throw RuntimeError("{}: could not be copied to {} ({}). The file itself is as it was.", from, to,
                       error.message());
}

template <class Value>
void write_column(io::Hdf5File& file, const std::string& name, const Extents& extents,
                  std::span<const Value> values) {
  if (!file.exists(name)) {
    file.write(name, extents, values);
    return;
  }
  io::Hdf5Dataset dataset = file.dataset(name);
  if (dataset.info().extents != extents)
    throw DataError("{}, {}: has the shape {}, but {} is needed. Another program wrote it; simulate again.",
                    file.path(), name, fmt::join(dataset.info().extents, " x "), fmt::join(extents, " x "));
  dataset.write_rows(0, dataset.info().rows(), values);
}

}  // namespace

void IdentityColumns::append(const std::vector<TrackIdentity>& identities) {
  for (const TrackIdentity& identity : identities) {
    dll.insert(dll.end(), identity.dll.begin(), identity.dll.end());
    best.push_back(static_cast<std::uint8_t>(identity.best));
    for (std::size_t i = 0; i < kRichCount; ++i) {
      const RingSummary& ring = identity.rings[i];
      seen.push_back(identity.seen[i] ? 1 : 0);
      candidates.push_back(static_cast<std::int32_t>(ring.candidates));
      expected.push_back(ring.expected);
      photons.push_back(ring.photons);
      theta.push_back(ring.theta);
    }
  }
}

void IdentityColumns::append(const IdentityColumns& others) {
  const auto join = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  join(dll, others.dll);
  join(best, others.best);
  join(seen, others.seen);
  join(candidates, others.candidates);
  join(expected, others.expected);
  join(photons, others.photons);
  join(theta, others.theta);
}

std::vector<std::byte> packed(const IdentityColumns& columns) {
  std::vector<std::byte> bytes;
  IdentityColumns::visit(columns, [&](const char*, const auto& column, const auto&) {
    const auto body = std::as_bytes(std::span(column));
    bytes.insert(bytes.end(), body.begin(), body.end());
  });
  return bytes;
}

IdentityColumns unpacked_identities(std::span<const std::byte> bytes) {
  std::size_t track_bytes = 0;
  IdentityColumns columns;
  IdentityColumns::visit(columns, [&](const char*, const auto& column, const auto& row) {
    track_bytes += static_cast<std::size_t>(row_values(row)) * sizeof(column[0]);
  });
  if (bytes.size() % track_bytes != 0)
    throw RuntimeError("results sent by another rank are not whole. Do all ranks run the same program?");
  const std::size_t tracks = bytes.size() / track_bytes;
  IdentityColumns::visit(columns, [&](const char*, auto& column, const auto& row) {
    column.resize(tracks * static_cast<std::size_t>(row_values(row)));
    const std::size_t size = column.size() * sizeof(column[0]);
    if (size > 0) std::memcpy(column.data(), bytes.data(), size);
    bytes = bytes.subspan(size);
  });
  return columns;
}

void write_identities(const std::string& path, const IdentityColumns& columns, LikelihoodKind kind) {
  const std::uint64_t tracks = io::Hdf5File::open(path).dataset("tracks/species").info().rows();
  if (tracks != columns.tracks())
    throw DataError("{}: has {} tracks, but {} were reconstructed. Was it replaced meanwhile? Run it again.",
                    path, tracks, columns.tracks());
  // A copy is changed and takes the file's place: HDF5 that is killed while it writes leaves neither the old
  // file nor the new one.
  io::AtomicFile target(path, io::Existing::replace);
  copy_file(path, target.partial());
  io::Hdf5File file = io::Hdf5File::open_to_change(target.partial());
  IdentityColumns::visit(columns, [&](const char* name, const auto& column, const auto& row) {
    write_column(file, name, extents_of(columns.tracks(), row), std::span(column));
  });
  file.set_attribute(kGroup, "likelihood", kind == LikelihoodKind::global ? "global" : "local");
  file.set_attribute(kGroup, "species", words_list<Species>());
  file.set_attribute(
      kGroup, "description",
      "One row per track. dll: log-likelihood of each species over the pion's; best: the most likely species; per RICH: whether it saw the track, hits around its ring, photons expected and found, mean Cherenkov angle in rad.");
  file.close();
  target.commit();
}

IdentityColumns read_identities(const std::string& path) {
  const io::Hdf5File file = io::Hdf5File::open(path);
  if (!file.exists(kGroup))
    throw DataError("{}: was not reconstructed yet. Run `annulus rich reconstruct {}` first.", path, path);
  require_species(file, kGroup);
  const std::uint64_t tracks = file.dataset("tracks/species").info().rows();
  IdentityColumns columns;
  IdentityColumns::visit(columns, [&](const char* name, auto& column, const auto& row) {
    using Value = typename std::remove_reference_t<decltype(column)>::value_type;
    if (file.extents(name) != extents_of(tracks, row))
      throw DataError("{}, {}: has the shape {}, but {} is needed for its {} tracks. Reconstruct it again.",
                      path, name, fmt::join(file.extents(name), " x "),
                      fmt::join(extents_of(tracks, row), " x "), tracks);
    column = file.template read<Value>(name);
  });
  for (std::size_t i = 0; i < columns.best.size(); ++i)
    if (columns.best[i] >= kSpeciesCount)
      throw DataError("{}, reconstruction/best: row {} is {}, but species are 0 to 5. Reconstruct it again.",
                      path, i, columns.best[i]);
  return columns;
}

}  // namespace annulus::rich
