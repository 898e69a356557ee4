#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "backend/isolated/messages.h"
#include "backend/isolated/model_json.h"

/// The first byte says which message the rest is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      if (const auto start = accelerd::DecodeStart(body); start.ok() && accelerd::EncodeStart(*start) != body) {
        std::abort();
      }
      break;
    case 1:
      if (const auto done = accelerd::DecodeDone(body); done.ok()) {
        accelerd::EncodeDone(*done);
      }
      break;
    case 2:
      if (accelerd::DecodeStatus(body).ok()) {
        std::abort();
      }
      break;
    case 3:
      if (const auto message = accelerd::DecodeCompile(body); message.ok()) {
        static_cast<void>(accelerd::EncodeCompile(*message));
      }
      break;
    default:
      if (const auto info = accelerd::DecodeModelInfo(body); info.ok()) {
        accelerd::EncodeModelInfo(*info);
      }
  }
  return 0;
}
