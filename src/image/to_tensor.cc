#include "image/to_tensor.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "fmt/core.h"
#include "image/opencv.h"
#include "image/resize.h"

namespace accelerd {
namespace {

constexpr int kMaxSize = 16'384;

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

template <int Channels>
void FillItem(const std::uint8_t* pixels, const ImageFormat& format, std::byte* item) {
  if (format.element_type == ElementType::kU8) {
    auto* target = reinterpret_cast<std::uint8_t*>(item);
    Fill<Channels>(pixels, format, target, [](int) { return [](std::uint8_t pixel) { return pixel; }; });
    return;
  }
  auto* target = reinterpret_cast<float*>(item);
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
  return planar ? Shape{batch, channels, height, width} : Shape{batch, height, width, channels};
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
  if (format.element_type != ElementType::kF32 && format.element_type != ElementType::kU8) {
    return absl::InvalidArgumentError(
        fmt::format("an input of type {} cannot take an image: f32 or u8 is needed", ElementName(format.element_type)));
  }
  if (format.element_type == ElementType::kU8 && Normalizes(format)) {
    return absl::InvalidArgumentError("mean and scale need an f32 input; this one is u8");
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
