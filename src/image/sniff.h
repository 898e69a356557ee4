#ifndef ACCELERD_IMAGE_SNIFF_H_
#define ACCELERD_IMAGE_SNIFF_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace accelerd {

/// How the service can use some bytes that should be an image.
enum class ContentUse : std::uint8_t {
  kImage,             ///< An image of a format that DecodeImage reads. The rest of it may still be damaged.
  kUnsupportedImage,  ///< An image of a format that DecodeImage does not read, such as HEIC.
  kOther,             ///< Something else that is known, such as HTML, a video or a Git LFS pointer.
  kUnknown,           ///< Nothing that is known.
};

/// What some bytes are.
struct Content {
  ContentUse use = ContentUse::kUnknown;
  std::string_view name = "data of no known format";  ///< With its article, such as "a HEIC image".
  std::string_view advice = {};  ///< What the sender can do, a clause without a full stop; or empty.
};

/// Tells what `bytes` are from how they begin. A file name or a Content-Type plays no part.
///
/// The function reads at most the first few kilobytes and allocates nothing. The strings of the result are static.
/// Thread-safe.
Content SniffContent(std::span<const std::byte> bytes);

/// Describes what arrived in place of an image, for an error message: its name, and its advice where there is one.
/// Example: "a HEIC image; convert it to JPEG or PNG before you send it".
std::string DescribeBytes(std::span<const std::byte> bytes);

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_SNIFF_H_
