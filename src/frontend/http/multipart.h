#ifndef ACCELERD_FRONTEND_HTTP_MULTIPART_H_
#define ACCELERD_FRONTEND_HTTP_MULTIPART_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace accelerd {

/// One field of a form.
struct FormPart {
  std::string name;
  bool is_file = false;              ///< The part names a file.
  std::string content_type;          ///< Empty when the part has none.
  std::span<const std::byte> bytes;  ///< A view of the body.
};

/// The media type of a Content-Type value, in lower case and without parameters: "multipart/form-data".
std::string MediaType(std::string_view content_type);

/// Returns the boundary that a multipart body itself shows: its first line, if a part's header follows.
std::optional<std::string_view> BoundaryOfBody(std::span<const std::byte> body);

/// Splits a whole multipart/form-data body (RFC 7578, delimiters by RFC 2046 5.1.1) into its parts, which view `body`.
/// `content_type` is the header's value. If it names no boundary, the body's first line counts. At most 64 parts, with
/// headers of at most 8 kB each. kInvalidArgument says what is wrong.
absl::StatusOr<std::vector<FormPart>> ParseMultipart(std::string_view content_type, std::span<const std::byte> body);

/// Returns the bytes of the form's file: of the field 'file', otherwise of the only file whatever its name, otherwise
/// of the only field. kInvalidArgument, naming the fields that the form has, if none or several of them could be meant.
absl::StatusOr<std::span<const std::byte>> FileOfForm(const std::vector<FormPart>& parts);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_MULTIPART_H_
