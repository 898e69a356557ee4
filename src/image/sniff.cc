#include "image/sniff.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "fmt/core.h"

namespace accelerd {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kConvert = "convert it to JPEG or PNG before you send it";
constexpr std::string_view kTakeFrame = "send one of its frames as JPEG or PNG";
constexpr std::string_view kUnpack = "send the image file that is in it, unpacked";
constexpr std::string_view kEncode = "encode the pixels as PNG or BMP before you send them";
constexpr std::string_view kDecodeBase64 = "decode it and send the image's own bytes";
constexpr std::string_view kSendBinary = "read the file in binary mode and send its bytes unchanged";
constexpr std::string_view kSendContent = "send the content of the image file, or use the call by path";
constexpr std::string_view kCheckDownload = "look at how the file was downloaded; this is often an error page";

/// Text is told by its first bytes; no text that matters begins later.
constexpr std::size_t kTextWindow = 1024;

struct Signature {
  std::size_t offset;
  std::string_view magic;
  Content content;
};

constexpr Content Image(std::string_view name) {
  return {ContentUse::kImage, name, {}};
}
constexpr Content OtherImage(std::string_view name, std::string_view advice = kConvert) {
  return {ContentUse::kUnsupportedImage, name, advice};
}
constexpr Content Other(std::string_view name, std::string_view advice) {
  return {ContentUse::kOther, name, advice};
}

// The first match counts, so a longer signature stands before one that it begins with.
constexpr std::array kSignatures = {
    Signature{0, "\xFF\xD8\xFF", Image("a JPEG image")},
    Signature{0, "\x89PNG\r\n\x1A\n", Image("a PNG image")},
    Signature{0, "BM", Image("a BMP image")},
    // Bytes that a text mode changed.
    Signature{0, "\x89PNG\n\x1A\n", OtherImage("a PNG image that was transferred as text", kSendBinary)},
    Signature{0, "\x89PNG\r\r\n", OtherImage("a PNG image that was transferred as text", kSendBinary)},
    Signature{0, "\xEF\xBF\xBDPNG", OtherImage("a PNG image that was read as text", kSendBinary)},
    Signature{0, "\xC2\x89PNG", OtherImage("a PNG image that was read as text", kSendBinary)},
    Signature{0, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", OtherImage("binary data that was read as text", kSendBinary)},
    Signature{0, "\xC3\xBF\xC3\x98\xC3\xBF", OtherImage("a JPEG image that was read as text", kSendBinary)},
    // Other formats of images.
    Signature{0, "GIF8", OtherImage("a GIF image")},
    Signature{0, "\xFF\x0A", OtherImage("a JPEG XL image")},
    Signature{0, "\0\0\0\x0CJXL \r\n\x87\n"sv, OtherImage("a JPEG XL image")},
    Signature{0, "\0\0\0\x0CjP  \r\n\x87\n"sv, OtherImage("a JPEG 2000 image")},
    Signature{0, "\xFF\x4F\xFF\x51", OtherImage("a JPEG 2000 image")},
    Signature{8, "CR\2\0"sv, OtherImage("a Canon raw photo")},
    Signature{0, "II*\0"sv, Image("a TIFF image")},
    Signature{0, "MM\0*"sv, Image("a TIFF image")},
    Signature{0, "II+\0"sv, Image("a TIFF image")},
    Signature{0, "MM\0+"sv, Image("a TIFF image")},
    Signature{0, "IIRO", OtherImage("an Olympus raw photo")},
    Signature{0, "IIU\0"sv, OtherImage("a Panasonic raw photo")},
    Signature{0, "FUJIFILMCCD-RAW", OtherImage("a Fujifilm raw photo")},
    Signature{0, "\0\0\1\0"sv, OtherImage("an icon (ICO)")},
    Signature{0, "\0\0\2\0"sv, OtherImage("a cursor or TGA image")},
    Signature{0, "8BPS", OtherImage("a Photoshop document")},
    Signature{0, "gimp xcf", OtherImage("a GIMP document")},
    Signature{0, "qoif", OtherImage("a QOI image")},
    Signature{0, "v/1\1", OtherImage("an OpenEXR image")},
    Signature{0, "#?RADIANCE", OtherImage("a Radiance HDR image")},
    Signature{0, "#?RGBE", OtherImage("a Radiance HDR image")},
    Signature{0, "\x59\xA6\x6A\x95", OtherImage("a Sun raster image")},
    Signature{0, "DDS ", OtherImage("a DDS texture")},
    Signature{128, "DICM", OtherImage("a DICOM image")},
    Signature{0, "BPG\xFB", OtherImage("a BPG image")},
    Signature{0, "\xD7\xCD\xC6\x9A", OtherImage("a Windows metafile")},
    // What is sent by mistake.
    Signature{0, "version https://git-lfs.github.com/spec/",
              Other("a Git LFS pointer and not the file that it stands for", "run git lfs pull where the file lies")},
    Signature{0, "%PDF-", Other("a PDF document", "convert the page to JPEG or PNG before you send it")},
    Signature{0, "%!PS", Other("a PostScript document", kConvert)},
    Signature{0, "\x93NUMPY", Other("a NumPy array (.npy)", kEncode)},
    Signature{0, "\x89HDF\r\n\x1A\n", Other("an HDF5 file", kEncode)},
    Signature{0, "PK\3\4", Other("a ZIP archive (or .npz, .docx)", kUnpack)},
    Signature{0, "PK\5\6", Other("an empty ZIP archive", kUnpack)},
    Signature{0, "\x1F\x8B", Other("gzip data", kUnpack)},
    Signature{0, "\x28\xB5\x2F\xFD", Other("Zstandard data", kUnpack)},
    Signature{0, "BZh", Other("bzip2 data", kUnpack)},
    Signature{0,
              "\xFD"
              "7zXZ\0"sv,
              Other("xz data", kUnpack)},
    Signature{0, "7z\xBC\xAF\x27\x1C", Other("a 7z archive", kUnpack)},
    Signature{0, "Rar!\x1A", Other("a RAR archive", kUnpack)},
    Signature{257, "ustar", Other("a tar archive", kUnpack)},
    Signature{0,
              "\x7F"
              "ELF",
              Other("a program (ELF)", {})},
    Signature{0, "MZ", Other("a Windows program", {})},
    Signature{0, "SQLite format 3", Other("an SQLite database", {})},
    Signature{0, "\x1A\x45\xDF\xA3", Other("a Matroska or WebM video", kTakeFrame)},
    Signature{0, "FLV\1", Other("a Flash video", kTakeFrame)},
    Signature{0, "OggS", Other("an Ogg stream", kTakeFrame)},
    Signature{0, "\0\0\1\xBA"sv, Other("an MPEG video", kTakeFrame)},
    Signature{0, "\0\0\1\xB3"sv, Other("an MPEG video", kTakeFrame)},
    Signature{0, "\0\0\0\1\x67"sv, Other("an H.264 video", kTakeFrame)},
    Signature{0, "\0\0\0\1\x40\1"sv, Other("an H.265 video", kTakeFrame)},
    Signature{0,
              "0&\xB2u\x8E"
              "f\xCF\x11",
              Other("a Windows Media video", kTakeFrame)},
    Signature{0, "ID3", Other("an MP3 recording", {})},
    Signature{0, "\x80\2", Other("a Python pickle", kEncode)},
    Signature{0, "\x80\3", Other("a Python pickle", kEncode)},
    Signature{0, "\x80\4\x95", Other("a Python pickle", kEncode)},
    Signature{0, "\x80\5\x95", Other("a Python pickle", kEncode)},
};

bool HasAt(std::string_view bytes, std::size_t offset, std::string_view magic) {
  return bytes.size() >= offset && bytes.substr(offset).starts_with(magic);
}

/// RIFF containers: WebP, and others that are no images.
std::optional<Content> SniffRiff(std::string_view bytes) {
  if (!bytes.starts_with("RIFF")) {
    return std::nullopt;
  }
  if (HasAt(bytes, 8, "WEBP")) {
    return Image("a WebP image");
  }
  return HasAt(bytes, 8, "AVI ") ? Other("an AVI video", kTakeFrame) : Other("a RIFF file without an image", {});
}

/// The ISO base media format, by its brands: HEIC, AVIF, and videos.
std::optional<Content> SniffIsoMedia(std::string_view bytes) {
  if (!HasAt(bytes, 4, "ftyp")) {
    return HasAt(bytes, 4, "moov") || HasAt(bytes, 4, "mdat") ? std::optional(Other("a QuickTime video", kTakeFrame))
                                                              : std::nullopt;
  }
  // The major brand of a HEIC or AVIF file may be the general "mif1"; the compatible brands then say which it is.
  std::size_t size = 0;
  for (const char c : bytes.substr(0, 4)) {
    size = size << 8 | static_cast<unsigned char>(c);
  }
  const std::string_view box = bytes.substr(0, std::min({size, bytes.size(), std::size_t{256}}));
  bool heif = false;
  for (std::size_t offset = 8; offset + 4 <= box.size(); offset += offset == 8 ? 8 : 4) {
    const std::string_view brand = box.substr(offset, 4);
    if (brand == "avif" || brand == "avis") {
      return OtherImage("an AVIF image");
    }
    if (brand == "heic" || brand == "heix" || brand == "hevc" || brand == "hevx" || brand == "heim" ||
        brand == "heis") {
      return OtherImage("a HEIC image");
    }
    heif = heif || brand == "mif1" || brand == "msf1";
  }
  if (heif) {
    return OtherImage("a HEIF image");
  }
  return HasAt(bytes, 8, "crx ") ? OtherImage("a Canon raw photo") : Other("an MP4 or QuickTime video", kTakeFrame);
}

/// The Netpbm family: "P1" to "P7" and white space, "PF" and "Pf".
std::optional<Content> SniffNetpbm(std::string_view bytes) {
  if (bytes.size() < 3 || bytes[0] != 'P' || std::isspace(static_cast<unsigned char>(bytes[2])) == 0) {
    return std::nullopt;
  }
  if (bytes[1] >= '1' && bytes[1] <= '6') {
    return Image("a PBM, PGM or PPM image");
  }
  if (bytes[1] == '7') {
    return OtherImage("a PAM image");
  }
  return bytes[1] == 'F' || bytes[1] == 'f' ? std::optional(OtherImage("a PFM image")) : std::nullopt;
}

std::optional<Content> SniffMpegTransport(std::string_view bytes) {
  constexpr std::size_t kPacketBytes = 188;
  const bool synchronised =
      HasAt(bytes, 0, "G") && HasAt(bytes, kPacketBytes, "G") && HasAt(bytes, 2 * kPacketBytes, "G");
  return synchronised ? std::optional(Other("an MPEG transport stream", kTakeFrame)) : std::nullopt;
}

bool StartsWithIgnoringCase(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         std::equal(lower_case.begin(), lower_case.end(), text.begin(), [](char expected, char c) {
           return expected == static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
         });
}

bool ContainsIgnoringCase(std::string_view text, std::string_view lower_case) {
  for (std::size_t i = 0; i + lower_case.size() <= text.size(); ++i) {
    if (StartsWithIgnoringCase(text.substr(i), lower_case)) {
      return true;
    }
  }
  return false;
}

bool IsText(std::string_view bytes) {
  return !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr unsigned char kBeyondUtf8 = 0xF5;
    return (byte >= 0x20 && byte < kBeyondUtf8) || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\f';
  });
}

bool IsBase64(std::string_view text) {
  constexpr std::size_t kLeast = 64;  // A shorter word may be anything.
  return text.size() >= kLeast && std::all_of(text.begin(), text.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                  std::string_view("+/-_=\r\n").find(c) != std::string_view::npos;
         });
}

/// How an image of a known format begins when it is written as base64.
bool IsBase64OfImage(std::string_view text) {
  constexpr std::array<std::string_view, 7> kBeginnings = {"/9j/",   "_9j_",   "iVBORw0KGgo", "UklGR",
                                                           "R0lGOD", "SUkqAA", "TU0AKg"};
  return std::any_of(kBeginnings.begin(), kBeginnings.end(),
                     [&](std::string_view beginning) { return text.starts_with(beginning); });
}

std::optional<Content> SniffMarkup(std::string_view text) {
  if (!text.starts_with('<')) {
    return std::nullopt;
  }
  if (ContainsIgnoringCase(text, "<svg")) {
    return OtherImage("an SVG drawing");
  }
  if (ContainsIgnoringCase(text, "<html") || StartsWithIgnoringCase(text, "<!doctype html") ||
      ContainsIgnoringCase(text, "<head") || ContainsIgnoringCase(text, "<body")) {
    return Other("an HTML page", kCheckDownload);
  }
  return Other("XML or other markup", kCheckDownload);
}

std::optional<Content> SniffText(std::string_view bytes) {
  std::string_view text = bytes.substr(0, kTextWindow);
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.remove_prefix(3);
  }
  if (!IsText(text)) {
    return std::nullopt;
  }
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\f"), text.size()));
  if (text.empty()) {
    return Other("white space and nothing else", {});
  }
  if (const auto markup = SniffMarkup(text)) {
    return markup;
  }
  if (StartsWithIgnoringCase(text, "data:")) {
    return Other("a data URL", "decode the base64 after its comma and send the image's own bytes");
  }
  if (StartsWithIgnoringCase(text, "http://") || StartsWithIgnoringCase(text, "https://") ||
      StartsWithIgnoringCase(text, "file://") || StartsWithIgnoringCase(text, "s3://")) {
    return Other("a URL and not the image that it leads to", "download the image and send its content");
  }
  if (text.starts_with("HTTP/1.") || text.starts_with("HTTP/2")) {
    return Other("a whole HTTP response", "send its body alone");
  }
  if (text.starts_with("--") && ContainsIgnoringCase(text, "content-")) {
    return Other("a multipart body", "send it with Content-Type: multipart/form-data and its boundary");
  }
  if (text.starts_with("b'\\x") || text.starts_with("b\"\\x")) {
    return Other("the text form of Python bytes", "send the bytes themselves");
  }
  if (text.starts_with('{') || text.starts_with('[')) {
    return Other("JSON or other text", "send the image itself, as the body or as a form's file");
  }
  if (IsBase64OfImage(text) || IsBase64(text)) {
    return Other("base64 text", kDecodeBase64);
  }
  if (text.starts_with('/') || text.starts_with("./") || text.starts_with('@')) {
    return Other("the path of a file and not the file", kSendContent);
  }
  if (const std::size_t equals = text.find('='); equals != std::string_view::npos && equals < 32) {
    return Other("the fields of a form as text", "send the form as multipart/form-data (curl -F file=@photo.jpg)");
  }
  return Other("text", "send the image file itself");
}

/// JPEG and PNG that begin a little later, after white space or the rest of a header.
std::optional<Content> SniffShifted(std::string_view bytes) {
  constexpr std::size_t kWindow = 64;
  const std::string_view window = bytes.substr(0, kWindow);
  constexpr std::string_view kAdvice = "send the image from its own first byte on";
  if (window.find("\xFF\xD8\xFF") != std::string_view::npos) {
    return OtherImage("a JPEG image with other bytes before it", kAdvice);
  }
  return window.find("\x89PNG\r\n\x1A\n") != std::string_view::npos
             ? std::optional(OtherImage("a PNG image with other bytes before it", kAdvice))
             : std::nullopt;
}

}  // namespace

Content SniffContent(std::span<const std::byte> bytes) {
  const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (view.empty()) {
    return Other("nothing: it is empty", "send the content of the image file");
  }
  for (const Signature& signature : kSignatures) {
    if (HasAt(view, signature.offset, signature.magic)) {
      return signature.content;
    }
  }
  for (const auto sniff : {SniffRiff, SniffIsoMedia, SniffNetpbm, SniffMpegTransport, SniffShifted, SniffText}) {
    if (const auto found = sniff(view)) {
      return *found;
    }
  }
  const std::string_view window = view.substr(0, kTextWindow);
  if (window.find_first_not_of('\0') == std::string_view::npos) {
    return Other("zeros, as in a file that was not written to its end", "copy the file again");
  }
  return {};
}

std::string DescribeBytes(std::span<const std::byte> bytes) {
  const Content content = SniffContent(bytes);
  return content.advice.empty() ? std::string(content.name) : fmt::format("{}; {}", content.name, content.advice);
}

}  // namespace accelerd
