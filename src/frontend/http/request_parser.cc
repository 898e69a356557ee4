#include "frontend/http/request_parser.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "boost/beast/http/basic_parser.hpp"
#include "fmt/core.h"

namespace accelerd {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

RequestParser::Error HeadError(const beast::error_code& code) {
  if (code == http::error::bad_version) {
    return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  }
  return {400, fmt::format("malformed HTTP request: {}", code.message())};
}

bool HasBareLineFeed(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (at == 0 || text[at - 1] != '\r') {
      return true;
    }
  }
  return false;
}

/// Whether more bytes can make `text` the line of a chunk's size; before that comes, after the first chunk, the end of
/// the last one's data. Without this question a client that sends no line at all would be waited for.
bool MayBecomeChunkLine(std::string_view text, bool first) {
  constexpr std::string_view kLineEnd = "\r\n";
  if (!first) {
    if (text.substr(0, kLineEnd.size()) != kLineEnd.substr(0, text.size())) {
      return false;
    }
    text.remove_prefix(std::min(text.size(), kLineEnd.size()));
  }
  const std::size_t digits = std::min(text.find_first_not_of("0123456789abcdefABCDEF"), text.size());
  if (digits == text.size()) {
    return true;
  }
  const std::size_t end = text.find_first_of(kLineEnd, digits);
  const bool broken_end =
      end != std::string_view::npos && text.substr(end, kLineEnd.size()) != kLineEnd.substr(0, text.size() - end);
  return digits > 0 && std::string_view("\r; \t").find(text[digits]) != std::string_view::npos && !broken_end;
}

}  // namespace

std::size_t RequestHead::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; }));
}

const std::string* RequestHead::find(std::string_view name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? nullptr : &found->second;
}

/// Beast's parser with a head and an output to write to, in place of its message containers.
class RequestParser::Impl final : public http::basic_parser<true> {
 public:
  Impl() {
    // Bounds are the callers' matter: they know the route.
    header_limit(UINT32_MAX);
    body_limit(boost::none);
    eager(true);
  }

  void set_head(RequestHead* head) { head_ = head; }
  void set_output(std::span<std::byte> output) { output_ = output; }
  std::span<std::byte> output() const { return output_; }
  bool chunk_begun() const { return chunk_begun_; }
  std::uint64_t announced() const { return announced_; }

 private:
  void on_request_impl(http::verb /*method*/, beast::string_view method, beast::string_view target, int version,
                       beast::error_code& /*error*/) override {
    head_->method.assign(method.data(), method.size());
    head_->target.assign(target.data(), target.size());
    head_->version = version;
  }

  void on_response_impl(int /*code*/, beast::string_view /*reason*/, int /*version*/,
                        beast::error_code& /*error*/) override {}

  void on_field_impl(http::field /*name*/, beast::string_view name, beast::string_view value,
                     beast::error_code& /*error*/) override {
    // Fields of a trailer come here too; nothing may come in by that door.
    if (head_ == nullptr) {
      return;
    }
    auto& header = head_->headers.emplace_back();
    header.first.resize(name.size());
    std::transform(name.begin(), name.end(), header.first.begin(), absl::ascii_tolower);
    header.second.assign(value.data(), value.size());
  }

  void on_header_impl(beast::error_code& /*error*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, beast::error_code& /*error*/) override {}
  std::size_t on_body_impl(beast::string_view /*body*/, beast::error_code& error) override {
    error = http::error::unexpected_body;  // Bodies with a length are not read through the parser.
    return 0;
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view /*extensions*/,
                            beast::error_code& /*error*/) override {
    chunk_begun_ = true;
    announced_ = size;
  }

  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, beast::string_view body, beast::error_code& error) override {
    const std::size_t taken = std::min(body.size(), output_.size());
    if (taken > 0) {
      std::memcpy(output_.data(), body.data(), taken);
      output_ = output_.subspan(taken);
      announced_ -= taken;
    }
    if (taken < body.size()) {
      error = http::error::need_buffer;
    }
    return taken;
  }

  void on_finish_impl(beast::error_code& /*error*/) override {}

  RequestHead* head_ = nullptr;
  std::span<std::byte> output_;
  bool chunk_begun_ = false;
  std::uint64_t announced_ = 0;
};

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {}

RequestParser::~RequestParser() = default;

std::optional<RequestParser::Error> RequestParser::JudgeLines(std::string_view text, std::size_t from) {
  if (HasBareLineFeed(text, from)) {
    return Error{400, "malformed HTTP request: lines of a header end with CR LF, not with LF alone"};
  }
  if (text.find("\r\n ", from) != std::string_view::npos || text.find("\r\n\t", from) != std::string_view::npos) {
    return Error{400, "malformed HTTP request: a header line begins with white space (RFC 9112, 5.2)"};
  }
  return std::nullopt;
}

std::optional<RequestParser::Error> RequestParser::ParseHead(std::string_view text, RequestHead& head) {
  if (auto wrong = JudgeLines(text, 0)) {
    return wrong;
  }
  beast::error_code error;
  impl_->set_head(&head);
  impl_->put(boost::asio::const_buffer(text.data(), text.size()), error);
  impl_->set_head(nullptr);
  if (error) {
    return HeadError(error);
  }
  head.keep_alive = impl_->keep_alive();
  head.chunked = impl_->chunked();
  if (const auto length = impl_->content_length()) {
    head.content_length = *length;
  }
  return std::nullopt;
}

RequestParser::Decoded RequestParser::DecodeChunks(std::string_view input, std::span<std::byte> output) {
  Decoded decoded;
  beast::error_code error;
  impl_->set_output(output);
  decoded.consumed = impl_->put(boost::asio::const_buffer(input.data(), input.size()), error);
  decoded.produced = output.size() - impl_->output().size();
  decoded.announced = static_cast<std::size_t>(impl_->announced());
  decoded.full = error == http::error::need_buffer;
  decoded.complete = impl_->is_done();
  decoded.failed = error == http::error::need_more
                       ? !MayBecomeChunkLine(input.substr(decoded.consumed), !impl_->chunk_begun())
                       : error && !decoded.full;
  return decoded;
}

}  // namespace accelerd
