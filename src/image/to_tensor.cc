#include "image/to_tensor.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>

#include "fmt/core.h"
#include "image/opencv.h"
#include "image/resize.h"

namespace accelerd {
namespace {

constexpr int kMaxSize = 16'384;

/// Returns true for the integers among the types that IsImageElement accepts.
bool IsInteger(ElementType type) {
  return type == ElementType::kU8 || type == ElementType::kI8 || type == ElementType::kI32 || type == ElementType::kI64;
}

bool Normalizes(const ImageFormat& format) {
  const auto used = static_cast<std::size_t>(format.channels);
  return std::any_of(format.mean.begin(), format.mean.begin() + used, [](float mean) { return mean != 0.0F; }) ||
         std::any_of(format.scale.begin(), format.scale.begin() + used, [](float scale) { return scale != 1.0F; });
}

/// One channel of interleaved pixels, `Step` bytes apart, to `count` elements `Spread` apart. The constants let the
/// compiler vectorise.
template <int Step, int Spread, typename T, typename Convert>
void CopyChannel(const std::uint8_t* source, T* target, std::size_t count, Convert convert) {
  for (std::size_t i = 0; i < count; ++i) {
    target[i * Spread] = convert(source[i * Step]);
  }
}

template <int Channels, typename T, typename ConvertFor>
void Fill(const std::uint8_t* pixels, const ImageFormat& format, T* target, ConvertFor convert_for) {
  const std::size_t count = static_cast<std::size_t>(format.height) * static_cast<std::size_t>(format.width);
  for (int channel = 0; channel < Channels; ++channel) {
    const std::uint8_t* source = pixels + (format.rgb ? Channels - 1 - channel : channel);
    if (format.planar) {
      CopyChannel<Channels, 1>(source, target + static_cast<std::size_t>(channel) * count, count, convert_for(channel));
    } else {
      CopyChannel<Channels, Channels>(source, target + channel, count, convert_for(channel));
    }
  }
}

/// The elements that the bytes 0 to 255 become, for each channel of the model.
template <typename T>
using ByteTable = std::array<std::array<T, 256>, 3>;

template <typename T, typename Convert>
ByteTable<T> MakeTable(const ImageFormat& format, Convert convert) {
  ByteTable<T> table;
  for (std::size_t channel = 0; channel < table.size(); ++channel) {
    for (std::size_t byte = 0; byte < table[channel].size(); ++byte) {
      table[channel][byte] = convert((static_cast<float>(byte) - format.mean[channel]) / format.scale[channel]);
    }
  }
  return table;
}

template <int Channels, typename T, typename Convert>
void FillByTable(const std::uint8_t* pixels, const ImageFormat& format, std::byte* item, Convert convert) {
  const ByteTable<T> table = MakeTable<T>(format, convert);
  Fill<Channels>(pixels, format, reinterpret_cast<T*>(item), [&table](int channel) {
    return [&row = table[static_cast<std::size_t>(channel)]](std::uint8_t pixel) { return row[pixel]; };
  });
}

std::uint16_t ToHalf(float value) {
  return cv::float16_t(value).bits();
}

/// Rounds to the nearest value, ties to an even mantissa. REQUIRES: not NaN.
std::uint16_t ToBfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

/// The nearest integer of type T to the value, quantised as the format says.
template <typename T>
T ToInteger(float value, const ImageFormat& format) {
  const Quantization quantization = format.quantization.value_or(Quantization());
  const double integer = std::nearbyint(double{value} / quantization.scale + quantization.zero_point);
  // Both bounds are exact as doubles, up to 2^63.
  constexpr auto kLeast = static_cast<double>(std::numeric_limits<T>::min());
  constexpr auto kMost = static_cast<double>(std::numeric_limits<T>::max());
  if (integer <= kLeast) {
    return std::numeric_limits<T>::min();
  }
  return integer >= kMost ? std::numeric_limits<T>::max() : static_cast<T>(integer);
}

template <int Channels, typename T>
void FillIntegers(const std::uint8_t* pixels, const ImageFormat& format, std::byte* item) {
  FillByTable<Channels, T>(pixels, format, item, [&format](float value) { return ToInteger<T>(value, format); });
}

template <int Channels>
void FillFloats(const std::uint8_t* pixels, const ImageFormat& format, float* target) {
  if (!Normalizes(format)) {
    Fill<Channels>(pixels, format, target,
                   [](int) { return [](std::uint8_t pixel) { return static_cast<float>(pixel); }; });
    return;
  }
  Fill<Channels>(pixels, format, target, [&format](int channel) {
    return [mean = format.mean[channel], scale = format.scale[channel]](std::uint8_t pixel) {
      return (static_cast<float>(pixel) - mean) / scale;
    };
  });
}

template <int Channels>
void FillItem(const std::uint8_t* pixels, const ImageFormat& format, std::byte* item) {
  switch (format.element_type) {
    case ElementType::kF32:
      return FillFloats<Channels>(pixels, format, reinterpret_cast<float*>(item));
    case ElementType::kF64:
      return FillByTable<Channels, double>(pixels, format, item, [](float value) { return double{value}; });
    case ElementType::kF16:
      return FillByTable<Channels, std::uint16_t>(pixels, format, item, ToHalf);
    case ElementType::kBf16:
      return FillByTable<Channels, std::uint16_t>(pixels, format, item, ToBfloat16);
    case ElementType::kI8:
      return FillIntegers<Channels, std::int8_t>(pixels, format, item);
    case ElementType::kI32:
      return FillIntegers<Channels, std::int32_t>(pixels, format, item);
    case ElementType::kI64:
      return FillIntegers<Channels, std::int64_t>(pixels, format, item);
    default:
      break;
  }
  if (format.quantization) {
    return FillIntegers<Channels, std::uint8_t>(pixels, format, item);
  }
  Fill<Channels>(pixels, format, reinterpret_cast<std::uint8_t*>(item),
                 [](int) { return [](std::uint8_t pixel) { return pixel; }; });
}

/// Writes the stretched BGR pixels as the first item of the batch.
void WriteItem(const std::uint8_t* bgr, const ImageFormat& format, std::byte* item) {
  if (format.channels == 3) {
    FillItem<3>(bgr, format, item);
    return;
  }
  UseCallingThreadAlone();
  cv::Mat gray;
  CallOpenCv([&] { cv::cvtColor(SourceView(bgr, format.height, format.width, CV_8UC3), gray, cv::COLOR_BGR2GRAY); });
  FillItem<1>(gray.data, format, item);
}

}  // namespace

Shape ImageFormat::shape() const {
  Shape shape;
  if (has_batch) {
    shape.push_back(batch);
  }
  if (has_channels && planar) {
    shape.push_back(channels);
  }
  shape.push_back(height);
  shape.push_back(width);
  if (has_channels && !planar) {
    shape.push_back(channels);
  }
  return shape;
}

bool IsImageElement(ElementType type) {
  switch (type) {
    case ElementType::kF32:
    case ElementType::kF16:
    case ElementType::kBf16:
    case ElementType::kF64:
    case ElementType::kU8:
    case ElementType::kI8:
    case ElementType::kI32:
    case ElementType::kI64:
      return true;
    default:
      return false;
  }
}

absl::Status ValidateImageFormat(const ImageFormat& format) {
  for (const int size : {format.batch, format.height, format.width}) {
    if (size < 1 || size > kMaxSize) {
      return absl::InvalidArgumentError(fmt::format("an input of shape {} cannot take an image: sizes go from 1 to {}",
                                                    ShapeToString(format.shape()), kMaxSize));
    }
  }
  if (format.channels != 1 && format.channels != 3) {
    return absl::InvalidArgumentError(
        fmt::format("an input of shape {} cannot take an image: it has {} channels; 3 (color) or 1 (grey) are needed",
                    ShapeToString(format.shape()), format.channels));
  }
  if ((format.batch != 1 && !format.has_batch) || (format.channels != 1 && !format.has_channels)) {
    return absl::InvalidArgumentError("an input without a batch or channel dimension takes one image, or one channel");
  }
  if (!IsImageElement(format.element_type)) {
    return absl::InvalidArgumentError(
        fmt::format("an input of type {} cannot take an image: f32, f16, bf16, f64, u8, i8, i32 or i64 is needed",
                    ElementName(format.element_type)));
  }
  const bool integer = IsInteger(format.element_type);
  if (integer && !format.quantization && (Normalizes(format) || format.element_type == ElementType::kI8)) {
    return absl::InvalidArgumentError(fmt::format(
        "mean and scale need an input of floating-point numbers, or one whose quantisation the model states; "
        "this one is {}",
        ElementName(format.element_type)));
  }
  if (format.quantization && format.quantization->scale == 0.0F) {
    return absl::InvalidArgumentError("the scale of the input's quantisation is 0");
  }
  if (std::any_of(format.scale.begin(), format.scale.end(), [](float scale) { return scale == 0.0F; })) {
    return absl::InvalidArgumentError("scale is 0: pixels are divided by it");
  }
  return ByteSize(format.element_type, format.shape()).status();
}

absl::Status ImageToTensor(const Image& image, const ImageFormat& format, const Tensor& tensor) {
  assert(tensor.element_type() == format.element_type && tensor.shape() == format.shape());
  try {
    const std::span<std::byte> bytes = tensor.bytes();
    const std::size_t item_bytes = bytes.size() / static_cast<std::size_t>(format.batch);
    if (image.rows == format.height && image.cols == format.width) {
      WriteItem(image.pixels.data(), format, bytes.data());
    } else {
      WriteItem(ResizeBilinear(image, format.height, format.width).pixels.data(), format, bytes.data());
    }
    for (int i = 1; i < format.batch; ++i) {
      std::memcpy(bytes.data() + static_cast<std::size_t>(i) * item_bytes, bytes.data(), item_bytes);
    }
    return absl::OkStatus();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("the machine has no memory to resize the image now; try again later");
  } catch (const cv::Exception& error) {
    return absl::InternalError(fmt::format("the image cannot be resized: {}", error.what()));
  }
}

}  // namespace accelerd
