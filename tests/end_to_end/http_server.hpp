// An HTTP server for one file on this machine's loopback, which can be told to misbehave as real ones do.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace annulus::test {

/// How a server answers.
enum class Manners {
  good,       ///< whole files, and the rest of one when a range is asked for
  cuts_off,   ///< closes the connection after half of what it announced
  no_ranges,  ///< always the whole file
  not_found,  ///< status 404
};

/// Serves one text under every path from its construction to its destruction, one connection at a time.
class HttpServer {
 public:
  HttpServer(std::string content, Manners manners);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Where the file is.
  std::string url() const;
  /// The first byte that each request so far asked for, in order of arrival.
  std::vector<std::uint64_t> requested_offsets() const;

 private:
  void serve();
  void answer(int connection);

  const std::string content_;
  const Manners manners_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> offsets_;  ///< guarded by mutex_
  std::thread thread_;                  ///< last: it uses everything above
};

}  // namespace annulus::test
