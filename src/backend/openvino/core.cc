#include "backend/openvino/core.h"

#include <algorithm>
#include <array>
#include <memory>

#include "openvino/runtime/properties.hpp"

namespace accelerd::openvino {
namespace {

constexpr std::size_t kMaxMessage = 600;

/// Lines that the runtime adds for its own developers.
bool IsSourceLocation(std::string_view line) {
  return line.starts_with("Exception from ") ||
         (line.starts_with("Check '") && line.find("failed at ") != std::string_view::npos);
}

}  // namespace

ov::Core& Core() {
  static ov::Core& core = *[] {
    auto created = std::make_unique<ov::Core>();
    created->set_property(ov::enable_mmap(false));
    return created.release();
  }();
  return core;
}

std::string CleanMessage(std::string_view text) {
  std::string message;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.empty() || IsSourceLocation(line)) {
      continue;
    }
    message += message.empty() ? "" : " ";
    message += line;
  }
  if (message.empty()) {
    message = text.empty() ? "no reason given" : text;
  }
  message.resize(std::min(message.size(), kMaxMessage));
  std::ranges::replace_if(message, [](char c) { return c < ' ' || c > '~'; }, '?');
  return message;
}

std::string DescribeException(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return CleanMessage(error.what());
  } catch (...) {
    return "an exception of an unknown kind";
  }
}

bool MeansDeviceLost(std::string_view message) {
  // Level Zero's, OpenCL's, and the plugins' own words.
  constexpr std::array<std::string_view, 5> kSigns = {"DEVICE_LOST", "device lost", "Device lost",
                                                      "CL_DEVICE_NOT_AVAILABLE", "device is lost"};
  return std::ranges::any_of(kSigns,
                             [&](std::string_view sign) { return message.find(sign) != std::string_view::npos; });
}

}  // namespace accelerd::openvino
