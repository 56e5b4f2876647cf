// Just enough of HTTP/1.1 for curl: GET, one range that is open at its end, one request a connection.
#include "tests/end_to_end/http_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <regex>
#include <stdexcept>
#include <system_error>

namespace annulus::test {
namespace {

void require(bool worked, const char* what) {
  if (!worked) throw std::system_error(errno, std::generic_category(), what);
}

/// A request up to the empty line that ends it.
std::string read_request(int connection) {
  std::string request;
  char buffer[1024];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = recv(connection, buffer, sizeof(buffer), 0);
    if (got <= 0) break;
    request.append(buffer, static_cast<std::size_t>(got));
  }
  return request;
}

void send_all(int connection, const std::string& text) {
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t now = send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (now <= 0) return;  // the client has left, which is its right
    sent += static_cast<std::size_t>(now);
  }
}

std::uint64_t requested_offset(const std::string& request) {
  std::smatch match;
  if (!std::regex_search(request, match, std::regex("Range: bytes=([0-9]+)-"))) return 0;
  return std::stoull(match[1]);
}

std::string header(const std::string& status, std::size_t bytes, const std::string& more = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(bytes) + "\r\n" + more +
         "Connection: close\r\n\r\n";
}

}  // namespace

HttpServer::HttpServer(std::string content, Manners manners)
    : content_(std::move(content)), manners_(manners) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(socket_ >= 0, "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  require(bind(socket_, generic, size) == 0, "bind");
  require(listen(socket_, 4) == 0, "listen");
  require(getsockname(socket_, generic, &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
  shutdown(socket_, SHUT_RDWR);  // ends a waiting accept()
  thread_.join();
  close(socket_);
}

std::string HttpServer::url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/file"; }

std::vector<std::uint64_t> HttpServer::requested_offsets() const {
  const std::lock_guard lock(mutex_);
  return offsets_;
}

void HttpServer::serve() {
  for (;;) {
    const int connection = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    answer(connection);
    close(connection);
  }
}

void HttpServer::answer(int connection) {
  const std::uint64_t offset = requested_offset(read_request(connection));
  {
    const std::lock_guard lock(mutex_);
    offsets_.push_back(offset);
  }
  const std::string range = "bytes " + std::to_string(offset) + "-" + std::to_string(content_.size() - 1);
  const std::string total = "/" + std::to_string(content_.size());
  if (manners_ == Manners::not_found) {
    send_all(connection, header("404 Not Found", 0));
  } else if (offset == 0 || manners_ == Manners::no_ranges) {
    const std::size_t sent = manners_ == Manners::cuts_off ? content_.size() / 2 : content_.size();
    send_all(connection, header("200 OK", content_.size()) + content_.substr(0, sent));
  } else if (offset >= content_.size()) {
    send_all(connection, header("416 Range Not Satisfiable", 0, "Content-Range: bytes *" + total + "\r\n"));
  } else {
    send_all(connection, header("206 Partial Content", content_.size() - offset,
                                "Content-Range: " + range + total + "\r\n") +
                             content_.substr(offset));
  }
}

}  // namespace annulus::test
