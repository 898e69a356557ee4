#include "image/bmp_rle.h"

#include <cstddef>
#include <optional>

namespace accelerd {
namespace {

class RunDecoder {
 public:
  RunDecoder(EncodedBytes data, int bits, int rows, int cols)
      : data_(data),
        bits_(bits),
        rows_(static_cast<std::size_t>(rows)),
        cols_(static_cast<std::size_t>(cols)),
        indices_(rows_ * cols_) {}

  absl::StatusOr<std::vector<std::uint8_t>> Decode() {
    while (!finished_) {
      // Files leave out the mark of the end after a full last row.
      if (y_ == rows_ || (y_ + 1 == rows_ && x_ == cols_)) {
        break;
      }
      const auto count = Next();
      const auto value = Next();
      if (!count || !value) {
        return absl::InvalidArgumentError("it is truncated");
      }
      ACCELERD_RETURN_IF_ERROR(*count > 0 ? Encoded(*count, *value) : Escape(*value));
    }
    return std::move(indices_);
  }

 private:
  enum : std::uint8_t { kEndOfLine = 0, kEndOfBitmap = 1, kDelta = 2 };

  std::optional<std::uint8_t> Next() {
    if (position_ == data_.size()) {
      return std::nullopt;
    }
    return std::to_integer<std::uint8_t>(data_[position_++]);
  }

  /// The index of pixel `i` within the byte that holds it.
  std::uint8_t IndexIn(std::uint8_t byte, std::size_t i) const {
    if (bits_ == 8) {
      return byte;
    }
    return i % 2 == 0 ? byte >> 4 : byte & 15;
  }

  /// Makes room for `count` pixels at the cursor: a full row is left first, as if its end had been marked.
  absl::Status BeginRun(std::size_t count) {
    if (x_ == cols_) {
      EndLine();
    }
    if (y_ >= rows_ || count > cols_ - x_) {
      return absl::InvalidArgumentError("a run of pixels leaves the image");
    }
    return absl::OkStatus();
  }

  void EndLine() {
    x_ = 0;
    ++y_;
  }

  void Put(std::uint8_t index) { indices_[y_ * cols_ + x_++] = index; }

  absl::Status Encoded(std::size_t count, std::uint8_t value) {
    ACCELERD_RETURN_IF_ERROR(BeginRun(count));
    for (std::size_t i = 0; i < count; ++i) {
      Put(IndexIn(value, i));
    }
    return absl::OkStatus();
  }

  absl::Status Absolute(std::size_t count) {
    ACCELERD_RETURN_IF_ERROR(BeginRun(count));
    const std::size_t bytes = bits_ == 8 ? count : (count + 1) / 2;
    const std::size_t padded = bytes + bytes % 2;
    if (data_.size() - position_ < padded) {
      return absl::InvalidArgumentError("it is truncated");
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t byte = position_ + (bits_ == 8 ? i : i / 2);
      Put(IndexIn(std::to_integer<std::uint8_t>(data_[byte]), i));
    }
    position_ += padded;
    return absl::OkStatus();
  }

  absl::Status Delta() {
    const auto right = Next();
    const auto down = Next();
    if (!right || !down) {
      return absl::InvalidArgumentError("it is truncated");
    }
    x_ += *right;
    y_ += *down;
    if (x_ > cols_ || y_ > rows_) {
      return absl::InvalidArgumentError("a jump leaves the image");
    }
    return absl::OkStatus();
  }

  absl::Status Escape(std::uint8_t code) {
    switch (code) {
      case kEndOfLine:
        EndLine();
        return absl::OkStatus();
      case kEndOfBitmap:
        finished_ = true;
        return absl::OkStatus();
      case kDelta:
        return Delta();
      default:
        return Absolute(code);
    }
  }

  EncodedBytes data_;
  int bits_;
  std::size_t rows_;
  std::size_t cols_;
  std::vector<std::uint8_t> indices_;
  std::size_t position_ = 0;
  std::size_t x_ = 0;
  std::size_t y_ = 0;
  bool finished_ = false;
};

}  // namespace

absl::StatusOr<std::vector<std::uint8_t>> DecodeBmpRuns(EncodedBytes data, int bits, int rows, int cols) {
  return RunDecoder(data, bits, rows, cols).Decode();
}

}  // namespace accelerd
