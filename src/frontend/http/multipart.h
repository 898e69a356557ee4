#ifndef ACCELERD_FRONTEND_HTTP_MULTIPART_H_
#define ACCELERD_FRONTEND_HTTP_MULTIPART_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace accelerd {

/// One field of a form.
struct FormPart {
  std::string name;
  std::string content_type;          ///< Empty when the part has none.
  std::span<const std::byte> bytes;  ///< A view of the body.
};

/// The media type of a Content-Type value, in lower case and without parameters: "multipart/form-data".
std::string MediaType(std::string_view content_type);

/// Splits a whole multipart/form-data body (RFC 7578, delimiters by RFC 2046 5.1.1) into its parts, which view `body`.
/// `content_type` is the header's value, with the boundary. At most 64 parts, with headers of at most 8 kB each.
/// kInvalidArgument says what is wrong.
absl::StatusOr<std::vector<FormPart>> ParseMultipart(std::string_view content_type, std::span<const std::byte> body);

/// The bytes of the field `name`. kInvalidArgument when the form has none or several of this name.
absl::StatusOr<std::span<const std::byte>> SingleField(const std::vector<FormPart>& parts, std::string_view name);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_MULTIPART_H_
