#include "backend/openvino/devices.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_split.h"
#include "backend/openvino/core.h"
#include "fmt/core.h"
#include "fmt/ranges.h"
#include "openvino/core/version.hpp"
#include "openvino/runtime/properties.hpp"

namespace accelerd::openvino {
namespace {

/// A property of a device as text; empty when the device, such as a virtual one, does not tell.
std::string PropertyText(const std::string& device, const std::string& property) {
  return Guard(absl::StatusCode::kNotFound, property,
               [&] { return Core().get_property(device, property).as<std::string>(); })
      .value_or("");
}

bool CanExport(const std::string& device) {
  const auto capabilities = Guard(absl::StatusCode::kNotFound, "capabilities",
                                  [&] { return Core().get_property(device, ov::device::capabilities); });
  return capabilities.ok() &&
         std::ranges::count(*capabilities, std::string(ov::device::capability::EXPORT_IMPORT)) != 0;
}

/// Virtual devices pass properties on to others, and do not say which those take.
bool IsVirtual(const std::string& device) {
  const std::string kind = device.substr(0, device.find(':'));
  return kind == "AUTO" || kind == "MULTI" || kind == "HETERO" || kind == "BATCH";
}

/// Whether the device is known not to have a property.
bool LacksProperty(const std::string& device, const std::string& property) {
  if (IsVirtual(device)) {
    return false;
  }
  const auto supported = Guard(absl::StatusCode::kNotFound, "supported properties",
                               [&] { return Core().get_property(device, ov::supported_properties); });
  return supported.ok() && std::ranges::find(*supported, property) == supported->end();
}

ov::element::Type PrecisionType(Precision precision) {
  switch (precision) {
    case Precision::kF16:
      return ov::element::f16;
    case Precision::kBf16:
      return ov::element::bf16;
    case Precision::kF32:
    case Precision::kDefault:
      break;
  }
  return ov::element::f32;
}

}  // namespace

absl::StatusOr<std::vector<DeviceDescription>> ListDevices() {
  return Guard(absl::StatusCode::kInternal, "OpenVINO cannot list its devices", [] {
    std::vector<DeviceDescription> devices;
    for (const std::string& name : Core().get_available_devices()) {
      devices.push_back({name, PropertyText(name, ov::device::full_name.name())});
    }
    return devices;
  });
}

absl::Status CheckKind(const std::string& device) {
  const std::vector<std::string> names = absl::StrSplit(device, absl::ByAnyChar(":,"), absl::SkipEmpty());
  for (const std::string& item : names) {
    const std::size_t begin = item.starts_with('-') ? 1 : 0;  // "AUTO:-GPU" leaves one out.
    const std::string name = item.substr(begin, item.find('(') - begin);
    const auto versions = Guard(absl::StatusCode::kUnavailable, fmt::format("device \"{}\"", name),
                                [&] { return Core().get_versions(name); });
    ACCELERD_RETURN_IF_ERROR(versions.status());
    if (versions->empty()) {
      return absl::InvalidArgumentError(fmt::format("{} drives no device of the kind \"{}\"", RuntimeVersion(), name));
    }
  }
  return absl::OkStatus();
}

std::string RuntimeVersion() {
  return fmt::format("OpenVINO {}", ov::get_openvino_version().buildNumber);
}

std::string DeviceIdentity(const std::string& device) {
  std::string identity =
      fmt::format("{}\n{}\nthreads {}\n", RuntimeVersion(), device, std::thread::hardware_concurrency());
  for (const std::string& property :
       {std::string(ov::device::full_name.name()), std::string(ov::device::architecture.name()),
        std::string(ov::device::capabilities.name())}) {
    identity += fmt::format("{} {}\n", property, PropertyText(device, property));
  }
  // The plugins' own list for OpenVINO's cache: a driver's version, for example.
  const auto caching = Guard(absl::StatusCode::kNotFound, "caching properties", [&] {
    return Core().get_property(device, "CACHING_PROPERTIES").as<std::vector<ov::PropertyName>>();
  });
  if (caching.ok()) {
    for (const ov::PropertyName& property : *caching) {
      identity += fmt::format("{} {}\n", property, PropertyText(device, property));
    }
  }
  return identity;
}

std::string CompilationIdentity(const std::string& device) {
  return CanExport(device) ? DeviceIdentity(device) : "";
}

absl::StatusOr<ov::AnyMap> CompileProperties(const std::string& device, const CompileSettings& settings) {
  ov::AnyMap properties;
  properties.emplace(ov::hint::performance_mode(settings.performance_hint == PerformanceHint::kLatency
                                                    ? ov::hint::PerformanceMode::LATENCY
                                                    : ov::hint::PerformanceMode::THROUGHPUT));
  if (settings.precision != Precision::kDefault) {
    properties.emplace(ov::hint::inference_precision(PrecisionType(settings.precision)));
  }
  if (settings.slots > 0) {
    properties.emplace(ov::hint::num_requests(static_cast<std::uint32_t>(settings.slots)));
  }
  for (const auto& [property, value] : properties) {
    if (LacksProperty(device, property)) {
      return absl::FailedPreconditionError(fmt::format("device {} does not support {} = {}; leave the setting out",
                                                       device, property, value.as<std::string>()));
    }
  }
  return properties;
}

}  // namespace accelerd::openvino
