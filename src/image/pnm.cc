// PBM, PGM and PPM, as text and binary. Where the format leaves room, this follows OpenCV: samples of binary files are
// not stretched to the maximal value, those of text files are; of 16 bits the upper 8 are used.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "fmt/core.h"
#include "image/codecs.h"

namespace accelerd {
namespace {

constexpr std::uint32_t kMaxSample = 65'535;

/// Rows between two checks whether the image is still wanted.
constexpr int kRowsAtOnce = 64;

bool IsSpace(std::uint8_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool IsDigit(std::uint8_t c) {
  return c >= '0' && c <= '9';
}

/// Reads numbers in decimal digits, and bytes.
class Reader {
 public:
  explicit Reader(EncodedBytes bytes) : bytes_(bytes) {}

  /// Skips white space and comments, then reads a number of at most `max_digits` digits, and the one byte after it.
  /// Returns nothing if there is no number, or one above INT32_MAX.
  std::optional<std::uint32_t> Number(int max_digits) {
    SkipSpace();
    std::uint64_t value = 0;
    int digits = 0;
    for (; digits < max_digits && position_ < bytes_.size() && IsDigit(Peek()); ++digits) {
      value = value * 10 + (Peek() - '0');
      ++position_;
      if (value > INT32_MAX) {
        return std::nullopt;
      }
    }
    if (digits == 0) {
      return std::nullopt;
    }
    if (digits < max_digits && position_ < bytes_.size()) {
      ++position_;
    }
    return static_cast<std::uint32_t>(value);
  }

  EncodedBytes rest() const { return bytes_.subspan(position_); }
  bool at_end() const { return position_ == bytes_.size(); }

 private:
  std::uint8_t Peek() const { return std::to_integer<std::uint8_t>(bytes_[position_]); }

  void SkipSpace() {
    while (position_ < bytes_.size() && (IsSpace(Peek()) || Peek() == '#')) {
      if (Peek() == '#') {
        while (position_ < bytes_.size() && Peek() != '\n' && Peek() != '\r') {
          ++position_;
        }
      } else {
        ++position_;
      }
    }
  }

  EncodedBytes bytes_;
  std::size_t position_ = 0;
};

struct Header {
  bool binary = false;
  int bits = 8;      ///< Bits of a sample: 1, 8 or 16.
  int channels = 1;  ///< 1, or 3: red, green, blue.
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  std::uint32_t max_value = 1;

  std::size_t samples_in_row() const { return std::size_t{cols} * static_cast<std::size_t>(channels); }
  std::size_t row_bytes() const { return (samples_in_row() * static_cast<std::size_t>(bits) + 7) / 8; }
};

absl::StatusOr<Header> ReadHeader(std::uint8_t kind, Reader* reader) {
  constexpr int kAnyDigits = 16;
  Header header;
  header.binary = kind >= '4';
  const int content = (kind - '1') % 3;  // Bits, grey, colour.
  header.channels = content == 2 ? 3 : 1;
  const auto cols = reader->Number(kAnyDigits);
  const auto rows = reader->Number(kAnyDigits);
  const auto max_value = content == 0 ? std::optional<std::uint32_t>(1) : reader->Number(kAnyDigits);
  if (!cols || !rows || !max_value) {
    return absl::InvalidArgumentError(reader->at_end() ? "it is truncated" : "its header is damaged");
  }
  if (*max_value < 1 || *max_value > kMaxSample) {
    return absl::InvalidArgumentError(fmt::format("its header claims samples up to {}", *max_value));
  }
  header.cols = *cols;
  header.rows = *rows;
  header.max_value = *max_value;
  header.bits = content == 0 ? 1 : *max_value > UINT8_MAX ? 16 : 8;
  return header;
}

/// Sets one sample's value in the row of `bgr` pixels.
void Put(const Header& header, std::size_t sample, std::uint8_t value, std::uint8_t* bgr) {
  if (header.channels == 3) {
    bgr[sample / 3 * 3 + (2 - sample % 3)] = value;
  } else {
    std::fill_n(bgr + sample * 3, 3, value);
  }
}

void ConvertBinaryRow(const Header& header, const std::uint8_t* source, std::uint8_t* bgr) {
  for (std::size_t i = 0; i < header.samples_in_row(); ++i) {
    switch (header.bits) {
      case 1:
        Put(header, i, (source[i / 8] >> (7 - i % 8) & 1) != 0 ? 0 : UINT8_MAX, bgr);
        break;
      case 8:
        Put(header, i, source[i], bgr);
        break;
      default:
        Put(header, i, source[i * 2], bgr);
        break;
    }
  }
}

absl::Status ReadTextRow(const Header& header, Reader* reader, std::uint8_t* bgr) {
  constexpr int kAnyDigits = 16;
  for (std::size_t i = 0; i < header.samples_in_row(); ++i) {
    const auto number = reader->Number(header.bits == 1 ? 1 : kAnyDigits);
    if (!number) {
      return absl::InvalidArgumentError(reader->at_end() ? "it is truncated"
                                                         : "there is no number where one should be");
    }
    const std::uint32_t value = std::min(*number, header.max_value);
    if (header.bits == 1) {
      Put(header, i, value != 0 ? 0 : UINT8_MAX, bgr);
    } else {
      Put(header, i, static_cast<std::uint8_t>(header.bits == 16 ? value >> 8 : value * UINT8_MAX / header.max_value),
          bgr);
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool IsPnm(EncodedBytes encoded) {
  return encoded.size() >= 3 && encoded[0] == std::byte{'P'} && encoded[1] >= std::byte{'1'} &&
         encoded[1] <= std::byte{'6'} && IsSpace(std::to_integer<std::uint8_t>(encoded[2]));
}

absl::StatusOr<Image> DecodePnm(EncodedBytes encoded, DecodeCall& call) {
  Reader reader(encoded.subspan(2));
  ACCELERD_ASSIGN_OR_RETURN(const Header header, ReadHeader(std::to_integer<std::uint8_t>(encoded[1]), &reader));
  ACCELERD_RETURN_IF_ERROR(call.CheckSize(header.rows, header.cols));
  // A sample takes at least one byte of text, or its bits.
  const std::size_t least = header.binary ? header.row_bytes() : header.samples_in_row();
  if (reader.rest().size() < least * header.rows) {
    return absl::InvalidArgumentError("it is truncated");
  }
  ACCELERD_ASSIGN_OR_RETURN(Image image, call.NewImage(header.rows, header.cols, 0));
  const std::uint8_t* source = RawBytes(reader.rest());
  for (int row = 0; row < image.rows; ++row) {
    if (row % kRowsAtOnce == 0) {
      ACCELERD_RETURN_IF_ERROR(call.CheckWanted());
    }
    std::uint8_t* bgr = image.pixels.data() + static_cast<std::size_t>(row) * image.cols * 3;
    if (header.binary) {
      ConvertBinaryRow(header, source + static_cast<std::size_t>(row) * header.row_bytes(), bgr);
    } else {
      ACCELERD_RETURN_IF_ERROR(ReadTextRow(header, &reader, bgr));
    }
  }
  return image;
}

}  // namespace accelerd
