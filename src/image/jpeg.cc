// JPEG by libjpeg-turbo. Its errors leave by longjmp, so no frame between setjmp and the library may hold an object
// with a destructor: Decoder owns everything, and its steps are plain functions.

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/core.h"
#include "image/codecs.h"
#include "image/exif.h"

// clang-format off: jpeglib.h needs FILE and size_t before it, jerror.h needs jpeglib.h.
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

namespace accelerd {
namespace {

/// Encoders write about ten scans; a file of thousands costs minutes of processor time a megabyte.
constexpr int kMaxScans = 100;

/// Rows asked for at once; the library gives fewer.
constexpr int kRowsAtOnce = 16;

/// Warnings after which pixels are made up. The others concern metadata or bytes that nobody needs.
bool LosesPixels(int message_code) {
  switch (message_code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
      return true;
    default:
      return false;
  }
}

/// K and its complements as Adobe writes them (255 is no ink), mixed as OpenCV does it.
void CmykToBgr(const std::uint8_t* cmyk, std::uint8_t* bgr, int cols) {
  for (int i = 0; i < cols; ++i, cmyk += 4, bgr += 3) {
    const int black = cmyk[3];
    for (int channel = 0; channel < 3; ++channel) {
      bgr[channel] = static_cast<std::uint8_t>(black - ((255 - cmyk[2 - channel]) * black >> 8));
    }
  }
}

class Decoder {
 public:
  explicit Decoder(EncodedBytes encoded);
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  absl::StatusOr<Image> Decode(const DecodeLimits& limits);

 private:
  /// Runs one step that calls the library; false when it ended by an error.
  bool Try(bool (Decoder::*step)()) {
    if (setjmp(escape_) != 0) {
      return false;
    }
    return (this->*step)();
  }

  bool ReadHeader();
  bool Start();
  bool ReadRows();
  bool ReadCmykRows();
  bool Fail(const char* reason);
  int Orientation() const;
  absl::Status Error() const { return absl::InvalidArgumentError(error_.data()); }

  // What the library calls.
  [[noreturn]] static void OnError(j_common_ptr common);
  static void OnMessage(j_common_ptr common, int level);
  static void OnProgress(j_common_ptr common);
  static boolean OnNoInput(j_decompress_ptr info);
  static void OnSkip(j_decompress_ptr info, long bytes);
  static Decoder& Self(j_common_ptr common) { return *static_cast<Decoder*>(common->client_data); }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_source_mgr source_{};
  std::jmp_buf escape_{};
  std::array<char, JMSG_LENGTH_MAX> error_{};
  Image image_;
  std::vector<std::uint8_t> cmyk_row_;
};

Decoder::Decoder(EncodedBytes encoded) {
  info_.err = jpeg_std_error(&errors_);
  errors_.error_exit = OnError;
  errors_.emit_message = OnMessage;
  errors_.output_message = [](j_common_ptr) {};
  info_.client_data = this;
  source_.next_input_byte = RawBytes(encoded);
  source_.bytes_in_buffer = encoded.size();
  source_.init_source = [](j_decompress_ptr) {};
  source_.fill_input_buffer = OnNoInput;
  source_.skip_input_data = OnSkip;
  source_.resync_to_restart = jpeg_resync_to_restart;
  source_.term_source = [](j_decompress_ptr) {};
  progress_.progress_monitor = OnProgress;
}

void Decoder::OnError(j_common_ptr common) {
  Decoder& self = Self(common);
  self.errors_.format_message(common, self.error_.data());
  std::longjmp(self.escape_, 1);
}

void Decoder::OnMessage(j_common_ptr common, int level) {
  if (level < 0 && LosesPixels(common->err->msg_code)) {
    OnError(common);
  }
}

void Decoder::OnProgress(j_common_ptr common) {
  Decoder& self = Self(common);
  if (self.info_.input_scan_number > kMaxScans) {
    self.Fail("it has too many scans");
    std::longjmp(self.escape_, 1);
  }
}

/// The whole file is in memory: when it ends early, the library is told to wait, and the steps see that it does.
boolean Decoder::OnNoInput(j_decompress_ptr /*info*/) {
  return FALSE;
}

void Decoder::OnSkip(j_decompress_ptr info, long bytes) {
  if (bytes > 0) {
    const std::size_t skipped = std::min(static_cast<std::size_t>(bytes), info->src->bytes_in_buffer);
    info->src->next_input_byte += skipped;
    info->src->bytes_in_buffer -= skipped;
  }
}

bool Decoder::Fail(const char* reason) {
  std::snprintf(error_.data(), error_.size(), "%s", reason);
  return false;
}

bool Decoder::ReadHeader() {
  jpeg_create_decompress(&info_);
  info_.client_data = this;
  info_.src = &source_;
  info_.progress = &progress_;
  constexpr unsigned kWholeSegment = 0xFFFF;
  jpeg_save_markers(&info_, JPEG_APP0 + 1, kWholeSegment);
  if (jpeg_read_header(&info_, TRUE) != JPEG_HEADER_OK) {
    return Fail("it ends within its header");
  }
  info_.out_color_space = info_.num_components == 4 ? JCS_CMYK : JCS_EXT_BGR;
  return true;
}

bool Decoder::Start() {
  // A progressive file is read to its end here.
  return jpeg_start_decompress(&info_) == TRUE || Fail("it is truncated");
}

bool Decoder::ReadRows() {
  const std::size_t stride = static_cast<std::size_t>(image_.cols) * 3;
  while (info_.output_scanline < info_.output_height) {
    std::array<JSAMPROW, kRowsAtOnce> rows;
    const JDIMENSION wanted = std::min<JDIMENSION>(kRowsAtOnce, info_.output_height - info_.output_scanline);
    for (JDIMENSION i = 0; i < wanted; ++i) {
      rows[i] = image_.pixels.data() + (info_.output_scanline + i) * stride;
    }
    if (jpeg_read_scanlines(&info_, rows.data(), wanted) == 0) {
      return Fail("it is truncated");
    }
  }
  return true;
}

bool Decoder::ReadCmykRows() {
  JSAMPROW row = cmyk_row_.data();
  while (info_.output_scanline < info_.output_height) {
    std::uint8_t* target = image_.pixels.data() + std::size_t{info_.output_scanline} * image_.cols * 3;
    if (jpeg_read_scanlines(&info_, &row, 1) == 0) {
      return Fail("it is truncated");
    }
    CmykToBgr(row, target, image_.cols);
  }
  return true;
}

int Decoder::Orientation() const {
  constexpr std::string_view kExif("Exif\0\0", 6);
  for (const jpeg_marker_struct* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const std::byte> data(reinterpret_cast<const std::byte*>(marker->data), marker->data_length);
    if (data.size() > kExif.size() && std::memcmp(data.data(), kExif.data(), kExif.size()) == 0) {
      return ExifOrientation(data.subspan(kExif.size()));
    }
  }
  return 1;
}

absl::StatusOr<Image> Decoder::Decode(const DecodeLimits& limits) {
  if (!Try(&Decoder::ReadHeader)) {
    return Error();
  }
  ACCELERD_ASSIGN_OR_RETURN(image_, NewImage(info_.image_height, info_.image_width, limits));
  const bool cmyk = info_.num_components == 4;
  if (cmyk) {
    cmyk_row_.resize(static_cast<std::size_t>(image_.cols) * 4);
  }
  if (!Try(&Decoder::Start) || !Try(cmyk ? &Decoder::ReadCmykRows : &Decoder::ReadRows)) {
    return Error();
  }
  return ApplyOrientation(std::move(image_), Orientation());
}

}  // namespace

bool IsJpeg(EncodedBytes encoded) {
  return encoded.size() >= 3 && encoded[0] == std::byte{0xFF} && encoded[1] == std::byte{0xD8} &&
         encoded[2] == std::byte{0xFF};
}

absl::StatusOr<Image> DecodeJpeg(EncodedBytes encoded, const DecodeLimits& limits) {
  return Decoder(encoded).Decode(limits);
}

}  // namespace accelerd
