#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "frontend/http/request_parser.h"
#include "frontend/http/request_rules.h"
#include "frontend/http/router.h"

namespace {

const accelerd::Router& TestRouter() {
  static const accelerd::Router router = [] {
    accelerd::Router made;
    made.Add({"GET", "/", 0, nullptr});
    made.Add({"POST", "/unload/{}", 100, nullptr});
    made.Add({"POST", "/classify/file/{}", 1000, nullptr});
    return made;
  }();
  return router;
}

/// Decodes what follows a chunked header, as a session does.
void DecodeBody(accelerd::RequestParser& parser, std::string_view input) {
  accelerd::RequestParser::Decoded decoded;
  do {
    std::array<std::byte, 7> output{};
    decoded = parser.DecodeChunks(input, output);
    if (decoded.consumed > input.size() || decoded.produced > output.size()) {
      std::abort();
    }
    input.remove_prefix(decoded.consumed);
  } while (decoded.full && !decoded.failed && !decoded.complete);
}

}  // namespace

/// A whole request as it comes off the wire: header, judgement, chunked body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find("\r\n\r\n");
  if (end == std::string::npos) {
    TestRouter().Find("POST", input);
    return 0;
  }
  const std::string_view text(input);
  accelerd::RequestParser parser;
  accelerd::RequestHead head;
  if (parser.ParseHead(text.substr(0, end + 4), head)) {
    return 0;
  }
  const auto judgement = accelerd::JudgeRequest(head, TestRouter(), 500);
  if (judgement.refusal) {
    return 0;
  }
  for (const std::string& parameter : judgement.match.parameters) {
    if (parameter.empty() || parameter.find('\0') != std::string::npos) {
      std::abort();
    }
  }
  if (head.content_length.value_or(0) > judgement.max_body_bytes) {
    std::abort();
  }
  if (head.chunked) {
    DecodeBody(parser, text.substr(end + 4));
  }
  return 0;
}
