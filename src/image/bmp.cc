// Windows bitmaps: palettes of 1, 4 and 8 bit (plain and run-length encoded), 16 bit, 24 bit, 32 bit; either way up.
// The format is that of Microsoft's BITMAPINFOHEADER and its relatives; where files leave room, this follows OpenCV.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>

#include "fmt/core.h"
#include "image/bmp_rle.h"
#include "image/codecs.h"

namespace accelerd {
namespace {

enum Compression : std::uint32_t { kPlain = 0, kRle8 = 1, kRle4 = 2, kBitfields = 3 };

constexpr std::size_t kFileHeaderBytes = 14;
constexpr std::size_t kCoreHeaderBytes = 12;  // OS/2: sizes of 16 bit, palette entries of 3 bytes.
constexpr std::size_t kMinInfoHeaderBytes = 36;
constexpr std::size_t kMasksOffset = kFileHeaderBytes + 40;
constexpr std::size_t kMinHeaderWithMasks32 = 56;

/// Little-endian numbers, bounds-checked.
class Reader {
 public:
  explicit Reader(EncodedBytes bytes) : bytes_(bytes) {}

  /// The number of `size` bytes at `offset`; 0 and a lasting failure where the file ends before.
  std::uint32_t Read(std::size_t offset, std::size_t size) {
    if (offset > bytes_.size() || bytes_.size() - offset < size) {
      failed_ = true;
      return 0;
    }
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) {
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[offset + i]);
    }
    return value;
  }
  bool failed() const { return failed_; }

 private:
  EncodedBytes bytes_;
  bool failed_ = false;
};

/// Where the channels of a 16- or 32-bit pixel lie: blue, green, red.
struct Masks {
  std::uint32_t blue = 0;
  std::uint32_t green = 0;
  std::uint32_t red = 0;
  friend bool operator==(const Masks&, const Masks&) = default;
};
constexpr Masks kMasks555 = {0x1F, 0x3E0, 0x7C00};
constexpr Masks kMasks565 = {0x1F, 0x7E0, 0xF800};

struct Header {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  bool top_down = false;
  int bits = 0;
  Compression compression = kPlain;
  std::size_t pixels_offset = 0;
  BmpPalette palette{};
  Masks masks = kMasks555;                       // 16 bit.
  std::array<std::size_t, 3> order = {0, 1, 2};  // 32 bit: the bytes of blue, green, red.

  std::size_t row_bytes() const { return (static_cast<std::size_t>(cols) * bits + 31) / 32 * 4; }
};

absl::Status Unsupported(const Header& header) {
  return absl::InvalidArgumentError(fmt::format("{} bits a pixel with compression {} is not supported", header.bits,
                                                static_cast<std::uint32_t>(header.compression)));
}

/// Reads entries blue, green, red (and one unused byte, when an entry has four).
void ReadPalette(Reader* reader, std::size_t offset, std::size_t entries, std::size_t entry_bytes,
                 BmpPalette* palette) {
  for (std::size_t i = 0; i < entries; ++i) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      (*palette)[i][channel] = static_cast<std::uint8_t>(reader->Read(offset + i * entry_bytes + channel, 1));
    }
  }
}

/// The byte that a mask selects, or nothing when it is not one whole byte.
std::optional<std::size_t> MaskedByte(std::uint32_t mask) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (mask == std::uint32_t{0xFF} << (8 * i)) {
      return i;
    }
  }
  return std::nullopt;
}

absl::Status ReadMasks(Reader* reader, std::size_t header_bytes, Header* header) {
  const Masks masks = {reader->Read(kMasksOffset + 8, 4), reader->Read(kMasksOffset + 4, 4),
                       reader->Read(kMasksOffset, 4)};
  if (header->bits == 16) {
    header->masks = masks;
    return masks == kMasks555 || masks == kMasks565
               ? absl::OkStatus()
               : absl::InvalidArgumentError("its 16-bit pixels are neither 5-5-5 nor 5-6-5");
  }
  if (header_bytes < kMinHeaderWithMasks32) {
    return absl::OkStatus();  // OpenCV takes such pixels as blue, green, red, whatever the masks say.
  }
  const auto blue = MaskedByte(masks.blue);
  const auto green = MaskedByte(masks.green);
  const auto red = MaskedByte(masks.red);
  if (!blue || !green || !red) {
    return absl::InvalidArgumentError("its channels are not whole bytes");
  }
  header->order = {*blue, *green, *red};
  return absl::OkStatus();
}

bool IsSupported(const Header& header) {
  switch (header.compression) {
    case kPlain:
      return header.bits == 1 || header.bits == 4 || header.bits == 8 || header.bits == 16 || header.bits == 24 ||
             header.bits == 32;
    case kRle8:
      return header.bits == 8;
    case kRle4:
      return header.bits == 4;
    case kBitfields:
      return header.bits == 16 || header.bits == 32;
  }
  return false;
}

absl::Status ReadCoreHeader(Reader* reader, Header* header) {
  header->cols = reader->Read(18, 2);
  header->rows = reader->Read(20, 2);
  header->bits = static_cast<int>(reader->Read(24, 2));
  if (!IsSupported(*header) || header->bits == 16) {
    return Unsupported(*header);
  }
  if (header->bits <= 8) {
    ReadPalette(reader, kFileHeaderBytes + kCoreHeaderBytes, std::size_t{1} << header->bits, 3, &header->palette);
  }
  return absl::OkStatus();
}

absl::Status ReadInfoHeader(Reader* reader, std::size_t header_bytes, Header* header) {
  header->cols = static_cast<std::int32_t>(reader->Read(18, 4));
  const std::int64_t rows = static_cast<std::int32_t>(reader->Read(22, 4));
  header->top_down = rows < 0;
  header->rows = std::abs(rows);
  header->bits = static_cast<int>(reader->Read(28, 2));
  header->compression = static_cast<Compression>(reader->Read(30, 4));
  const std::uint32_t used_colors = reader->Read(46, 4);
  if (!IsSupported(*header)) {
    return Unsupported(*header);
  }
  if (header->compression == kBitfields) {
    return ReadMasks(reader, header_bytes, header);
  }
  if (header->bits <= 8) {
    const std::size_t entries = used_colors == 0 ? std::size_t{1} << header->bits : used_colors;
    if (entries > header->palette.size()) {
      return absl::InvalidArgumentError(fmt::format("its palette claims {} colors", entries));
    }
    ReadPalette(reader, kFileHeaderBytes + header_bytes, entries, 4, &header->palette);
  }
  return absl::OkStatus();
}

absl::StatusOr<Header> ReadHeader(EncodedBytes encoded) {
  Reader reader(encoded);
  Header header;
  header.pixels_offset = reader.Read(10, 4);
  const std::size_t header_bytes = reader.Read(14, 4);
  if (header_bytes == kCoreHeaderBytes) {
    ACCELERD_RETURN_IF_ERROR(ReadCoreHeader(&reader, &header));
  } else if (header_bytes >= kMinInfoHeaderBytes) {
    ACCELERD_RETURN_IF_ERROR(ReadInfoHeader(&reader, header_bytes, &header));
  } else if (!reader.failed()) {
    return absl::InvalidArgumentError(fmt::format("its header has {} bytes", header_bytes));
  }
  if (reader.failed() || header.pixels_offset > encoded.size()) {
    return absl::InvalidArgumentError("it is truncated");
  }
  return header;
}

void ConvertPaletteRow(const Header& header, const std::uint8_t* source, std::uint8_t* bgr) {
  const int per_byte = 8 / header.bits;
  const int mask = (1 << header.bits) - 1;
  for (int x = 0; x < header.cols; ++x, bgr += 3) {
    const int shift = 8 - header.bits * (x % per_byte + 1);
    const auto& color = header.palette[source[x / per_byte] >> shift & mask];
    std::copy(color.begin(), color.end(), bgr);
  }
}

/// The lower bits of a channel are 0 as in OpenCV, so white is 248.
void Convert16BitRow(const Header& header, const std::uint8_t* source, std::uint8_t* bgr) {
  const int green_bits = header.masks == kMasks565 ? 6 : 5;
  for (int x = 0; x < header.cols; ++x, source += 2, bgr += 3) {
    const int pixel = source[0] | source[1] << 8;
    bgr[0] = static_cast<std::uint8_t>(pixel << 3);
    bgr[1] = static_cast<std::uint8_t>(pixel >> 5 << (8 - green_bits));
    bgr[2] = static_cast<std::uint8_t>(pixel >> (5 + green_bits) << 3);
  }
}

void Convert32BitRow(const Header& header, const std::uint8_t* source, std::uint8_t* bgr) {
  for (int x = 0; x < header.cols; ++x, source += 4, bgr += 3) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      bgr[channel] = source[header.order[channel]];
    }
  }
}

void ConvertRow(const Header& header, const std::uint8_t* source, std::uint8_t* bgr) {
  switch (header.bits) {
    case 16:
      return Convert16BitRow(header, source, bgr);
    case 24:
      std::copy_n(source, header.cols * 3, bgr);
      return;
    case 32:
      return Convert32BitRow(header, source, bgr);
    default:
      return ConvertPaletteRow(header, source, bgr);
  }
}

}  // namespace

bool IsBmp(EncodedBytes encoded) {
  return encoded.size() >= 2 && encoded[0] == std::byte{'B'} && encoded[1] == std::byte{'M'};
}

absl::StatusOr<Image> DecodeBmp(EncodedBytes encoded, DecodeCall& call) {
  ACCELERD_ASSIGN_OR_RETURN(const Header header, ReadHeader(encoded));
  const EncodedBytes data = encoded.subspan(header.pixels_offset);
  ACCELERD_RETURN_IF_ERROR(call.CheckSize(header.rows, header.cols));
  const bool runs = header.compression == kRle4 || header.compression == kRle8;
  // The row's bytes are at most 4 a pixel, and pixels are within the limits: no overflow.
  if (!runs && data.size() < header.row_bytes() * static_cast<std::size_t>(header.rows)) {
    return absl::InvalidArgumentError("it is truncated");
  }
  // Runs are decoded to one index a pixel.
  const auto index_bytes = runs ? static_cast<std::size_t>(header.rows * header.cols) : std::size_t{0};
  ACCELERD_ASSIGN_OR_RETURN(Image image, call.NewImage(header.rows, header.cols, index_bytes));
  const std::size_t stride = static_cast<std::size_t>(image.cols) * 3;
  const auto target = [&](std::size_t row) {
    return image.pixels.data() + (header.top_down ? row : image.rows - 1 - row) * stride;
  };
  if (runs) {
    ACCELERD_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> indices,
                              DecodeBmpRuns(data, header.bits, image.rows, image.cols));
    for (int row = 0; row < image.rows; ++row) {
      std::uint8_t* bgr = target(row);
      for (int x = 0; x < image.cols; ++x, bgr += 3) {
        const auto& color = header.palette[indices[static_cast<std::size_t>(row) * image.cols + x]];
        std::copy(color.begin(), color.end(), bgr);
      }
    }
    return image;
  }
  for (int row = 0; row < image.rows; ++row) {
    ConvertRow(header, RawBytes(data) + static_cast<std::size_t>(row) * header.row_bytes(), target(row));
  }
  return image;
}

}  // namespace accelerd
