// JPEG by libjpeg-turbo. Its errors leave by longjmp, so no frame between setjmp and the library may hold an object
// with a destructor: Decoder owns everything, and its steps are plain functions.

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <new>
#include <utility>
#include <vector>

#include "fmt/core.h"
#include "image/codecs.h"
#include "image/exif.h"
#include "image/jpeg_markers.h"

// clang-format off: jpeglib.h needs FILE and size_t before it, jerror.h needs jpeglib.h.
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

namespace accelerd {
namespace {

/// How often scans may visit a coefficient on average. A progressive file needs one visit for each bit that it sends
/// apart, so encoders come to about three. Small images may have any scans within kMaxJpegScans.
constexpr std::int64_t kMaxVisits = 8;
constexpr std::int64_t kAlwaysAllowedVisits = std::int64_t{1} << 26;

/// Visits of coefficients that are arithmetic-coded. They cost up to ten nanoseconds each although the file may be
/// tiny.
constexpr std::int64_t kMaxArithmeticVisits = std::int64_t{1} << 28;

/// Rows asked for at once; the library gives fewer.
constexpr int kRowsAtOnce = 16;

/// Warnings after which pixels are made up. The others concern metadata or bytes that nobody needs.
bool LosesPixels(int message_code) {
  switch (message_code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
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
  Decoder(EncodedBytes encoded, DecodeCall& call);
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  absl::StatusOr<Image> Decode();

 private:
  /// Runs one step that calls the library. Returns false if the step ended by an error.
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
  /// Returns the bytes of the library's own buffers.
  std::size_t WorkingBytes() const;
  /// Checks the scan that begins.
  bool AdmitScan();
  /// Checks that every part of the picture was there, where the library gives no warning.
  absl::Status CheckComplete();
  absl::Status Error() const;

  // What the library calls.
  [[noreturn]] static void OnError(j_common_ptr common);
  static void OnMessage(j_common_ptr common, int level);
  static void OnProgress(j_common_ptr common);
  static boolean OnNoInput(j_decompress_ptr info);
  static void OnSkip(j_decompress_ptr info, long bytes);
  static Decoder& Self(j_common_ptr common) { return *static_cast<Decoder*>(common->client_data); }

  const EncodedBytes encoded_;
  DecodeCall& call_;
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_source_mgr source_{};
  std::jmp_buf escape_{};
  std::array<char, JMSG_LENGTH_MAX> error_{};   ///< Why the library gave up.
  std::array<char, JMSG_LENGTH_MAX> damage_{};  ///< The first damage that it went on after; empty: none.
  bool failed_ = false;                         ///< The library gave up.
  bool refused_ = false;                        ///< AdmitScan refused the file.
  bool ended_early_ = false;                    ///< The file has no end marker.
  int scans_ = 0;                               ///< The scans that AdmitScan has seen.
  unsigned seen_components_ = 0;                ///< A bit for each component that a scan had.
  std::int64_t visits_ = 0;
  Image image_;
  std::vector<std::uint8_t> cmyk_row_;
};

Decoder::Decoder(EncodedBytes encoded, DecodeCall& call) : encoded_(encoded), call_(call) {
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
  self.failed_ = true;
  std::longjmp(self.escape_, 1);
}

void Decoder::OnMessage(j_common_ptr common, int level) {
  Decoder& self = Self(common);
  if (level >= 0 || !LosesPixels(common->err->msg_code) || self.damage_[0] != 0) {
    return;
  }
  if (self.ended_early_) {
    std::snprintf(self.damage_.data(), self.damage_.size(), "it is truncated");
  } else {
    self.errors_.format_message(common, self.damage_.data());
  }
  if (!self.call_.accepts_damaged()) {
    std::longjmp(self.escape_, 1);
  }
}

void Decoder::OnProgress(j_common_ptr common) {
  Decoder& self = Self(common);
  if (!self.AdmitScan() || !self.call_.CheckWanted().ok()) {
    std::longjmp(self.escape_, 1);
  }
}

/// The whole file is in memory. When it ends early, the library sees an end marker, as with OpenCV's `imread`: many
/// cameras leave the marker out.
boolean Decoder::OnNoInput(j_decompress_ptr info) {
  static constexpr std::array<JOCTET, 2> kEndOfImage = {0xFF, JPEG_EOI};
  Self(reinterpret_cast<j_common_ptr>(info)).ended_early_ = true;
  info->src->next_input_byte = kEndOfImage.data();
  info->src->bytes_in_buffer = kEndOfImage.size();
  return TRUE;
}

void Decoder::OnSkip(j_decompress_ptr info, long bytes) {
  if (bytes > 0) {
    const std::size_t skipped = std::min(static_cast<std::size_t>(bytes), info->src->bytes_in_buffer);
    info->src->next_input_byte += skipped;
    info->src->bytes_in_buffer -= skipped;
  }
}

bool Decoder::AdmitScan() {
  if (info_.input_scan_number == scans_) {
    return true;
  }
  scans_ = info_.input_scan_number;
  const std::int64_t coefficients = info_.progressive_mode != 0 ? info_.Se - info_.Ss + 1 : DCTSIZE2;
  visits_ += std::int64_t{info_.MCUs_per_row} * info_.MCU_rows_in_scan * info_.blocks_in_MCU * coefficients;
  for (int i = 0; i < info_.comps_in_scan; ++i) {
    seen_components_ |= 1U << info_.cur_comp_info[i]->component_index;
  }
  std::int64_t all = 0;
  for (int i = 0; i < info_.num_components; ++i) {
    all += std::int64_t{info_.comp_info[i].width_in_blocks} * info_.comp_info[i].height_in_blocks * DCTSIZE2;
  }
  std::int64_t allowed = std::max(kAlwaysAllowedVisits, kMaxVisits * all);
  if (info_.arith_code != 0) {
    allowed = std::min(allowed, kMaxArithmeticVisits);
  }
  if (scans_ > kMaxJpegScans) {
    std::snprintf(error_.data(), error_.size(), "it has too many scans: more than %d; save it as a baseline JPEG",
                  kMaxJpegScans);
    refused_ = true;
  } else if (visits_ > allowed) {
    std::snprintf(
        error_.data(), error_.size(),
        "its first %d scans visit %lld coefficients, %lld are allowed at its size; save it as a baseline JPEG", scans_,
        static_cast<long long>(visits_), static_cast<long long>(allowed));
    refused_ = true;
  }
  return !refused_;
}

bool Decoder::ReadHeader() {
  jpeg_create_decompress(&info_);
  info_.client_data = this;
  info_.src = &source_;
  info_.progress = &progress_;
  jpeg_read_header(&info_, TRUE);
  info_.out_color_space = info_.num_components == 4 ? JCS_CMYK : JCS_EXT_BGR;
  return true;
}

bool Decoder::Start() {
  // A progressive file is read to its end here.
  return jpeg_start_decompress(&info_) == TRUE;
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
      return false;
    }
  }
  return true;
}

bool Decoder::ReadCmykRows() {
  JSAMPROW row = cmyk_row_.data();
  while (info_.output_scanline < info_.output_height) {
    std::uint8_t* target = image_.pixels.data() + std::size_t{info_.output_scanline} * image_.cols * 3;
    if (jpeg_read_scanlines(&info_, &row, 1) == 0) {
      return false;
    }
    CmykToBgr(row, target, image_.cols);
  }
  return true;
}

std::size_t Decoder::WorkingBytes() const {
  // Rows of samples on their way, for all components.
  std::size_t bytes = std::size_t{info_.image_width} * static_cast<std::size_t>(info_.num_components) * 8 * DCTSIZE;
  if (jpeg_has_multiple_scans(const_cast<jpeg_decompress_struct*>(&info_)) != 0) {
    for (int i = 0; i < info_.num_components; ++i) {
      const jpeg_component_info& component = info_.comp_info[i];
      bytes += (std::size_t{component.width_in_blocks} + MAX_SAMP_FACTOR) *
               (std::size_t{component.height_in_blocks} + MAX_SAMP_FACTOR) * sizeof(JBLOCK);
    }
  }
  return bytes;
}

absl::Status Decoder::CheckComplete() {
  bool missing = seen_components_ != (1U << info_.num_components) - 1;
  if (ended_early_) {
    // Zeros stand for the rest of arithmetic-coded data, so that a loss shows nowhere.
    missing = missing || info_.arith_code != 0;
    for (int i = 0; info_.progressive_mode != 0 && i < info_.num_components; ++i) {
      const int* bits = info_.coef_bits[i];
      missing = missing || std::any_of(bits, bits + DCTSIZE2, [](int bits_to_come) { return bits_to_come != 0; });
    }
  }
  if (damage_[0] != 0) {
    return call_.Damaged(damage_.data());
  }
  return missing ? call_.Damaged(ended_early_ ? "it is truncated" : "scans are missing") : absl::OkStatus();
}

absl::Status Decoder::Error() const {
  ACCELERD_RETURN_IF_ERROR(call_.CheckWanted());
  if (failed_ && errors_.msg_code == JERR_OUT_OF_MEMORY) {
    throw std::bad_alloc();
  }
  if (failed_ || refused_) {
    return absl::InvalidArgumentError(ended_early_ && !refused_ ? "it is truncated" : error_.data());
  }
  return call_.Damaged(damage_.data());
}

absl::StatusOr<Image> Decoder::Decode() {
  if (!Try(&Decoder::ReadHeader)) {
    return Error();
  }
  const JpegSegments segments = ReadJpegSegments(encoded_);
  const int orientation = segments.exif ? ExifOrientation(*segments.exif) : 1;
  ACCELERD_RETURN_IF_ERROR(call_.CheckSize(info_.image_height, info_.image_width));
  const std::size_t turned_bytes =
      Transposes(orientation) ? std::size_t{info_.image_height} * info_.image_width * 3 : 0;
  ACCELERD_ASSIGN_OR_RETURN(
      image_, call_.NewImage(info_.image_height, info_.image_width, std::max(WorkingBytes(), turned_bytes)));
  const bool cmyk = info_.num_components == 4;
  if (cmyk) {
    cmyk_row_.resize(static_cast<std::size_t>(image_.cols) * 4);
  }
  if (!Try(&Decoder::Start) || !Try(cmyk ? &Decoder::ReadCmykRows : &Decoder::ReadRows)) {
    return Error();
  }
  ACCELERD_RETURN_IF_ERROR(CheckComplete());
  jpeg_abort_decompress(&info_);  // Its memory is free for the turned image.
  return ApplyOrientation(std::move(image_), orientation);
}

}  // namespace

bool IsJpeg(EncodedBytes encoded) {
  return encoded.size() >= 3 && encoded[0] == std::byte{0xFF} && encoded[1] == std::byte{0xD8} &&
         encoded[2] == std::byte{0xFF};
}

absl::StatusOr<Image> DecodeJpeg(EncodedBytes encoded, DecodeCall& call) {
  return Decoder(encoded, call).Decode();
}

}  // namespace accelerd
