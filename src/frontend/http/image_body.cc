#include "frontend/http/image_body.h"

#include <algorithm>
#include <string>

#include "fmt/core.h"
#include "frontend/http/multipart.h"
#include "image/sniff.h"

namespace accelerd {
namespace {

constexpr std::string_view kForm = "multipart/form-data";
constexpr std::size_t kMaxShownType = 60;

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool IsImage(std::span<const std::byte> body) {
  return SniffContent(body).use == ContentUse::kImage;
}

/// Whether the sender says that the body is an image, or at least nothing else.
bool MayBeImage(std::string_view media_type) {
  return media_type.starts_with("image/") || media_type == "application/octet-stream";
}

absl::Status NoImage(std::string_view content_type, std::span<const std::byte> body) {
  const std::string type =
      content_type.empty() ? "no Content-Type" : fmt::format("Content-Type {}", content_type.substr(0, kMaxShownType));
  return absl::InvalidArgumentError(
      fmt::format("the body, with {}, is {}; send the image as the body, or as the field 'file' of {}", type,
                  DescribeBytes(body), kForm));
}

}  // namespace

BodyForm FormOfBody(std::string_view content_type, std::span<const std::byte> body) {
  if (IsImage(body) || BoundaryOfBody(body)) {
    return BodyForm::kImage;
  }
  const std::string media_type = MediaType(content_type);
  if (media_type == "application/json" || media_type.ends_with("+json")) {
    return BodyForm::kJson;
  }
  const std::string_view text = TextOf(body.first(std::min<std::size_t>(body.size(), 64)));
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool begins_json = first != std::string_view::npos && text[first] == '{';
  return begins_json && media_type != kForm && !MayBeImage(media_type) ? BodyForm::kJson : BodyForm::kImage;
}

absl::StatusOr<std::span<const std::byte>> ImageOfBody(std::string_view content_type, std::span<const std::byte> body) {
  if (IsImage(body)) {
    return body;
  }
  const std::string media_type = MediaType(content_type);
  std::span<const std::byte> bytes = body;
  if (media_type == kForm || BoundaryOfBody(body)) {
    ACCELERD_ASSIGN_OR_RETURN(const auto parts, ParseMultipart(content_type, body));
    ACCELERD_ASSIGN_OR_RETURN(bytes, FileOfForm(parts));
  } else if (!body.empty() && !MayBeImage(media_type)) {
    return NoImage(content_type, body);
  }
  if (bytes.empty()) {
    return absl::InvalidArgumentError("the image is empty: 0 bytes arrived");
  }
  return bytes;
}

}  // namespace accelerd
