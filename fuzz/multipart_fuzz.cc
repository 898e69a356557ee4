#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "frontend/http/multipart.h"

/// The first line is the Content-Type, the rest the body. Every part must lie within the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  const std::string content_type = input.substr(0, line);
  const std::string body = line == std::string::npos ? "" : input.substr(line + 1);
  const auto bytes = std::as_bytes(std::span(body));
  const auto parts = accelerd::ParseMultipart(content_type, bytes);
  if (!parts.ok()) {
    return 0;
  }
  for (const accelerd::FormPart& part : *parts) {
    if (part.bytes.data() < bytes.data() || part.bytes.data() + part.bytes.size() > bytes.data() + bytes.size()) {
      std::abort();
    }
  }
  (void)accelerd::FileOfForm(*parts).ok();
  return 0;
}
