// TIFF by libtiff, by its RGBA interface as OpenCV reads it. Only the first page is read. The library sees the file in
// memory; what it reports stays here.

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/core.h"
#include "image/codecs.h"
#include "image/exif.h"
#include "image/jpeg_markers.h"
#include "tiffio.h"

namespace accelerd {
namespace {

/// Room for the library's tables and directories.
constexpr std::size_t kLibraryBytes = std::size_t{4} << 20;

/// The compressions whose time and memory are bounded by the size of the picture.
constexpr std::array<std::uint16_t, 10> kCompressions = {
    COMPRESSION_NONE, COMPRESSION_CCITTRLE,      COMPRESSION_CCITTRLEW, COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4,
    COMPRESSION_LZW,  COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE,   COMPRESSION_PACKBITS,  COMPRESSION_JPEG};

/// A file in memory, and the first error that the library reported about it.
class Source {
 public:
  explicit Source(EncodedBytes bytes) : bytes_(bytes) {}

  EncodedBytes bytes() const { return bytes_; }
  const std::string& error() const { return error_; }

  static tmsize_t Read(thandle_t self, void* target, tmsize_t size) {
    auto& source = *static_cast<Source*>(self);
    const std::size_t left = source.bytes_.size() - source.position_;
    const std::size_t count = std::min(left, static_cast<std::size_t>(std::max<tmsize_t>(size, 0)));
    std::memcpy(target, source.bytes_.data() + source.position_, count);
    source.position_ += count;
    return static_cast<tmsize_t>(count);
  }
  static tmsize_t Write(thandle_t /*self*/, void* /*data*/, tmsize_t /*size*/) { return -1; }
  static toff_t Seek(thandle_t self, toff_t offset, int whence) {
    auto& source = *static_cast<Source*>(self);
    const std::size_t size = source.bytes_.size();
    const std::size_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? source.position_ : size;
    source.position_ = offset > size - std::min(base, size) ? size : base + offset;
    return source.position_;
  }
  static int Close(thandle_t /*self*/) { return 0; }
  static toff_t Size(thandle_t self) { return static_cast<Source*>(self)->bytes_.size(); }
  /// The library only reads what it maps.
  static int Map(thandle_t self, void** base, toff_t* size) {
    const EncodedBytes bytes = static_cast<Source*>(self)->bytes_;
    *base = const_cast<std::byte*>(bytes.data());
    *size = bytes.size();
    return 1;
  }
  static void Unmap(thandle_t /*self*/, void* /*base*/, toff_t /*size*/) {}

  static int OnError(TIFF* /*tiff*/, void* self, const char* /*module*/, const char* format, va_list arguments) {
    auto& source = *static_cast<Source*>(self);
    if (source.error_.empty()) {
      std::array<char, 200> text{};
      std::vsnprintf(text.data(), text.size(), format, arguments);
      source.error_ = text.data();
    }
    return 1;  // Handled: nothing goes to standard error.
  }
  static int OnWarning(TIFF* /*tiff*/, void* /*self*/, const char* /*module*/, const char* /*format*/,
                       va_list /*arguments*/) {
    return 1;
  }

 private:
  EncodedBytes bytes_;
  std::size_t position_ = 0;
  std::string error_;
};

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using Tiff = std::unique_ptr<TIFF, CloseTiff>;

/// Opens `source` from its beginning. It must outlive the result. No single allocation of the library exceeds
/// `max_allocation`.
absl::StatusOr<Tiff> Open(Source* source, std::size_t max_allocation) {
  struct FreeOptions {
    void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
  };
  const std::unique_ptr<TIFFOpenOptions, FreeOptions> options(TIFFOpenOptionsAlloc());
  if (options == nullptr) {
    throw std::bad_alloc();
  }
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), static_cast<tmsize_t>(max_allocation));
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), Source::OnError, source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), Source::OnWarning, source);
  Source::Seek(source, 0, SEEK_SET);
  Tiff tiff(TIFFClientOpenExt("TIFF", "r", source, Source::Read, Source::Write, Source::Seek, Source::Close,
                              Source::Size, Source::Map, Source::Unmap, options.get()));
  if (tiff == nullptr) {
    return absl::InvalidArgumentError(source->error().empty() ? "it is damaged" : source->error());
  }
  return tiff;
}

struct Layout {
  std::uint32_t rows = 0;
  std::uint32_t cols = 0;
  std::uint32_t band_rows = 0;  ///< Rows that are decoded together: those of a strip, or of a row of tiles.
  std::uint16_t compression = COMPRESSION_NONE;
  int orientation = 1;
  std::size_t working_bytes = 0;  ///< A band as RGBA, and the library's buffers for it.
};

template <typename T>
T Field(TIFF* tiff, std::uint32_t tag, T otherwise) {
  T value = otherwise;
  return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : otherwise;
}

absl::StatusOr<Layout> ReadLayout(TIFF* tiff, const DecodeCall& call) {
  Layout layout;
  layout.cols = Field<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH, 0);
  layout.rows = Field<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH, 0);
  ACCELERD_RETURN_IF_ERROR(call.CheckSize(layout.rows, layout.cols));
  layout.compression = Field<std::uint16_t>(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  if (std::find(kCompressions.begin(), kCompressions.end(), layout.compression) == kCompressions.end()) {
    return absl::InvalidArgumentError(fmt::format(
        "compression {} is not supported; save it with LZW, Deflate, PackBits or none", layout.compression));
  }
  const auto orientation = Field<std::uint16_t>(tiff, TIFFTAG_ORIENTATION, 1);
  layout.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;

  std::uint64_t unit_bytes = 0;  // Of a strip or tile.
  if (TIFFIsTiled(tiff) != 0) {
    const auto tile_cols = Field<std::uint32_t>(tiff, TIFFTAG_TILEWIDTH, 0);
    layout.band_rows = Field<std::uint32_t>(tiff, TIFFTAG_TILELENGTH, 0);
    if (tile_cols == 0 || layout.band_rows == 0) {
      return absl::InvalidArgumentError("it has tiles of no size");
    }
    // All tiles are decoded whole. A tile that is larger than the image must not make that expensive.
    const auto padded = [](std::uint64_t size, std::uint64_t unit) { return (size + unit - 1) / unit * unit; };
    ACCELERD_RETURN_IF_ERROR(call.CheckSize(static_cast<std::int64_t>(padded(layout.rows, layout.band_rows)),
                                            static_cast<std::int64_t>(padded(layout.cols, tile_cols))));
    unit_bytes = TIFFTileSize64(tiff);
  } else {
    layout.band_rows = std::clamp(Field<std::uint32_t>(tiff, TIFFTAG_ROWSPERSTRIP, UINT32_MAX), 1U, layout.rows);
    unit_bytes = TIFFStripSize64(tiff);
  }
  const auto planes = Field<std::uint16_t>(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE
                          ? Field<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 1)
                          : std::uint16_t{1};
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 36;  // Beyond any limit, and far from an overflow.
  const std::uint64_t band_bytes = std::uint64_t{std::min(layout.band_rows, layout.rows)} * layout.cols * 4;
  layout.working_bytes = band_bytes + std::min(unit_bytes, kMaxBytes) * planes + kLibraryBytes;
  return layout;
}

/// Strips and tiles of JPEG must be baseline, and of few scans: the library decodes each at once, whatever it costs.
absl::Status CheckJpegParts(TIFF* tiff, EncodedBytes file) {
  constexpr int kMaxScans = 4;
  constexpr std::uint8_t kExtendedSequential = 0xC1;
  constexpr std::string_view kStartOfScan = "\xFF\xDA";
  const std::uint32_t count = TIFFIsTiled(tiff) != 0 ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
  std::uint64_t all_bytes = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t offset = TIFFGetStrileOffset(tiff, i);
    const std::uint64_t size = TIFFGetStrileByteCount(tiff, i);
    if (offset > file.size() || size > file.size() - offset) {
      return absl::InvalidArgumentError("it is truncated");
    }
    all_bytes += size;
    if (all_bytes > file.size()) {
      return absl::InvalidArgumentError("its parts overlap");
    }
    const EncodedBytes part = file.subspan(offset, size);
    if (ReadJpegSegments(part).frame > kExtendedSequential) {
      return absl::InvalidArgumentError("it holds a JPEG that is not baseline; save it with LZW, Deflate or none");
    }
    std::string_view rest(reinterpret_cast<const char*>(part.data()), part.size());
    int scans = 0;
    for (std::size_t found = rest.find(kStartOfScan); found != std::string_view::npos;
         found = rest.find(kStartOfScan)) {
      rest.remove_prefix(found + kStartOfScan.size());
      if (++scans > kMaxScans) {
        return absl::InvalidArgumentError("it holds a JPEG of too many scans; save it with LZW, Deflate or none");
      }
    }
  }
  return absl::OkStatus();
}

/// The library's conversion of any layout of samples to RGBA.
class RgbaReader {
 public:
  RgbaReader() = default;
  ~RgbaReader() {
    if (begun_) {
      TIFFRGBAImageEnd(&image_);
    }
  }
  RgbaReader(const RgbaReader&) = delete;
  RgbaReader& operator=(const RgbaReader&) = delete;

  absl::Status Begin(TIFF* tiff, bool stop_on_error) {
    std::array<char, 1024> error{};
    begun_ = TIFFRGBAImageBegin(&image_, tiff, stop_on_error ? 1 : 0, error.data()) == 1;
    // Rows come as they are stored, and are turned afterwards.
    image_.orientation = ORIENTATION_TOPLEFT;
    image_.req_orientation = ORIENTATION_TOPLEFT;
    return begun_ ? absl::OkStatus() : absl::InvalidArgumentError(error.data());
  }

  /// Reads rows from `first` on, as ABGR numbers.
  bool Read(std::uint32_t first, std::uint32_t rows, std::vector<std::uint32_t>& band) {
    image_.row_offset = static_cast<int>(first);
    return TIFFRGBAImageGet(&image_, band.data(), image_.width, rows) == 1;
  }

 private:
  TIFFRGBAImage image_{};
  bool begun_ = false;
};

absl::Status ReadBands(TIFF* tiff, const Layout& layout, const Source& source, DecodeCall& call, Image* image) {
  RgbaReader reader;
  ACCELERD_RETURN_IF_ERROR(reader.Begin(tiff, !call.accepts_damaged()));
  std::vector<std::uint32_t> band(std::size_t{std::min(layout.band_rows, layout.rows)} * layout.cols);
  std::uint8_t* bgr = image->pixels.data();
  for (std::uint32_t first = 0; first < layout.rows; first += layout.band_rows) {
    ACCELERD_RETURN_IF_ERROR(call.CheckWanted());
    const std::uint32_t rows = std::min(layout.band_rows, layout.rows - first);
    const bool read = reader.Read(first, rows, band);
    if (!source.error().empty()) {
      ACCELERD_RETURN_IF_ERROR(call.Damaged(source.error()));
    }
    if (!read) {
      return absl::InvalidArgumentError(source.error().empty() ? "it is damaged" : source.error());
    }
    const std::size_t count = std::size_t{rows} * layout.cols;
    for (std::size_t i = 0; i < count; ++i, bgr += 3) {
      bgr[0] = static_cast<std::uint8_t>(TIFFGetB(band[i]));
      bgr[1] = static_cast<std::uint8_t>(TIFFGetG(band[i]));
      bgr[2] = static_cast<std::uint8_t>(TIFFGetR(band[i]));
    }
    if (layout.rows - first <= layout.band_rows) {
      break;
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool IsTiff(EncodedBytes encoded) {
  using std::string_view_literals::operator""sv;
  constexpr std::array<std::string_view, 4> kSignatures = {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv};
  return encoded.size() >= 4 && std::any_of(kSignatures.begin(), kSignatures.end(), [&](std::string_view signature) {
           return std::memcmp(encoded.data(), signature.data(), signature.size()) == 0;
         });
}

absl::StatusOr<Image> DecodeTiff(EncodedBytes encoded, DecodeCall& call) {
  Source source(encoded);
  // The directory's arrays are no larger than the file.
  Layout layout;
  {
    ACCELERD_ASSIGN_OR_RETURN(const Tiff header, Open(&source, encoded.size() + kLibraryBytes));
    ACCELERD_ASSIGN_OR_RETURN(layout, ReadLayout(header.get(), call));
  }
  const std::size_t turned_bytes =
      Transposes(layout.orientation) ? std::size_t{layout.rows} * layout.cols * 3 : std::size_t{0};
  ACCELERD_ASSIGN_OR_RETURN(Image image,
                            call.NewImage(layout.rows, layout.cols, std::max(layout.working_bytes, turned_bytes)));
  {
    ACCELERD_ASSIGN_OR_RETURN(const Tiff tiff, Open(&source, layout.working_bytes + encoded.size()));
    if (layout.compression == COMPRESSION_JPEG) {
      ACCELERD_RETURN_IF_ERROR(CheckJpegParts(tiff.get(), encoded));
    }
    ACCELERD_RETURN_IF_ERROR(ReadBands(tiff.get(), layout, source, call, &image));
  }
  return ApplyOrientation(std::move(image), layout.orientation);
}

}  // namespace accelerd
