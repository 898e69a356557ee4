#ifndef ACCELERD_FRONTEND_HTTP_REQUEST_PARSER_H_
#define ACCELERD_FRONTEND_HTTP_REQUEST_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace accelerd {

/// What the header of a request says.
struct RequestHead {
  std::string method;
  std::string target;
  int version = 11;                                          ///< 10 or 11.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
  bool keep_alive = true;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
  /// How many headers have this name (in lower case), and the first one's value; null when there is none.
  std::size_t count(std::string_view name) const;
  const std::string* find(std::string_view name) const;
};

/// The grammar of HTTP/1.1 requests (RFC 9112), by Boost.Beast; no input or output. For one request; thread-compatible.
class RequestParser {
 public:
  /// What is wrong with a header, as an answer.
  struct Error {
    int status = 400;
    std::string message;
  };

  RequestParser();
  ~RequestParser();

  /// What is wrong with the line breaks behind `from` in a header, whole or not: a line that ends with LF alone, which
  /// never makes an end of the header, or a folded one. ParseHead judges them too.
  static std::optional<Error> JudgeLines(std::string_view text, std::size_t from);

  /// Parses a whole header, its empty line included. At most once.
  std::optional<Error> ParseHead(std::string_view text, RequestHead& head);

  struct Decoded {
    std::size_t consumed = 0;   ///< Bytes of the input that are done with; the rest is to be offered again.
    std::size_t produced = 0;   ///< Bytes of the output that were written.
    std::size_t announced = 0;  ///< Bytes that are still to come of the present chunk, as its size says.
    bool full = false;          ///< There is more, but no room in the output.
    bool complete = false;      ///< The body and its trailer (which is ignored) ended.
    bool failed = false;        ///< The input is no chunked body.
  };

  /// Decodes a part of a chunked body. REQUIRES: ParseHead found `chunked`, no call has completed or failed.
  ///
  /// It makes no progress when the input ends within the line of a chunk's size or within
  /// the trailer: who calls bounds these by the size of the input that it keeps.
  Decoded DecodeChunks(std::string_view input, std::span<std::byte> output);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_REQUEST_PARSER_H_
