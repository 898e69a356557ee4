#ifndef ACCELERD_FRONTEND_HTTP_IMAGE_BODY_H_
#define ACCELERD_FRONTEND_HTTP_IMAGE_BODY_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "base/status.h"

namespace accelerd {

/// What the body of a call that needs an image is.
enum class BodyForm {
  kJson,   ///< A JSON object, which names the path of an image. It may be malformed.
  kImage,  ///< An image, alone or in a form, or anything else.
};

/// Tells the form of a body from how it begins, and from its Content-Type where that leaves it open. Clients often send
/// a Content-Type that their library chose.
BodyForm FormOfBody(std::string_view content_type, std::span<const std::byte> body);

/// Returns the image in a body: the file of a multipart form, or the whole body. The bytes need not be an image if the
/// Content-Type says that they are one. kInvalidArgument: there is no image, and the message says what arrived.
absl::StatusOr<std::span<const std::byte>> ImageOfBody(std::string_view content_type, std::span<const std::byte> body);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_IMAGE_BODY_H_
