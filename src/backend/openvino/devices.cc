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

/// The names of a device string without the properties in parentheses; "AUTO:-GPU" leaves GPU out.
std::vector<std::string> NamesOf(const std::string& device) {
  std::vector<std::string> names = absl::StrSplit(device, absl::ByAnyChar(":,"), absl::SkipEmpty());
  for (std::string& name : names) {
    const std::size_t begin = name.starts_with('-') ? 1 : 0;
    name = name.substr(begin, name.find('(') - begin);
  }
  return names;
}

/// Whether the runtime has a plugin for devices of this kind. Does not load the plugin, which may load a driver.
bool HasPlugin(const std::string& kind) {
  // The runtime tells of its plugins only by refusing to register a second one for a kind.
  const auto registered = Guard(absl::StatusCode::kAlreadyExists, kind, [&] {
    ov::Core().register_plugin("accelerd-probes-for-a-plugin", kind);
    return true;
  });
  return !registered.ok();
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

std::vector<std::string> KnownKinds() {
  std::vector<std::string> kinds;
  for (const char* kind : {"CPU", "GPU", "NPU", "AUTO", "BATCH", "HETERO", "MULTI"}) {
    if (HasPlugin(kind)) {
      kinds.emplace_back(kind);
    }
  }
  return kinds;
}

absl::Status CheckName(const std::string& device) {
  const std::string first = device.substr(0, device.find_first_of(":,"));
  if (first.size() < device.size() && !IsVirtual(first)) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" does not say how to combine devices: a list begins with AUTO:, HETERO: or MULTI:", device));
  }
  if ((first == "BATCH" || first.starts_with("BATCH(")) && device.find(':') >= device.size() - 1) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" does not say which device gets the batches: BATCH:GPU(8)", device));
  }
  for (const std::string& name : NamesOf(device)) {
    if (!HasPlugin(name.substr(0, name.find('.')))) {
      return absl::InvalidArgumentError(fmt::format("{} drives no device of the kind \"{}\"", RuntimeVersion(), name));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckKind(const std::string& device) {
  ACCELERD_RETURN_IF_ERROR(CheckName(device));
  for (const std::string& name : NamesOf(device)) {
    ACCELERD_RETURN_IF_ERROR(Guard(absl::StatusCode::kUnavailable, fmt::format("device \"{}\"", name), [&] {
                               return Core().get_versions(name);
                             }).status());
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
