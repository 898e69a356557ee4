#include "engine/device_keys.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <system_error>

namespace accelerd {
namespace {

constexpr std::string_view kSimulated = "SIMULATED:";
constexpr std::string_view kCpu = "CPU";

/// Every device that the runtime finds.
constexpr std::string_view kAny = "AUTO";

/// Device strings of the runtime that combine other devices.
constexpr std::array<std::string_view, 4> kCombinations = {"AUTO", "BATCH", "HETERO", "MULTI"};

bool IsCombination(std::string_view name) {
  return std::ranges::find(kCombinations, name) != kCombinations.end();
}

/// Without properties, which stand in parentheses, and spaces.
std::string NamesAlone(std::string_view device) {
  std::string names;
  int depth = 0;
  for (const char character : device) {
    depth += character == '(' ? 1 : 0;
    if (depth == 0 && character != ' ') {
      names += character;
    }
    depth -= character == ')' ? 1 : 0;
  }
  return names;
}

/// What an item of a list names: "MULTI:BATCH:GPU" names GPU. Empty: nothing, it leaves a device out.
std::string_view NamedBy(std::string_view item) {
  bool combined = false;
  for (std::size_t colon = 0; (colon = item.find(':')) != std::string_view::npos;) {
    if (!IsCombination(item.substr(0, colon))) {
      break;
    }
    item.remove_prefix(colon + 1);
    combined = true;
  }
  const bool left_out = item.starts_with('-');
  if (combined ? item.empty() || left_out || IsCombination(item) : IsCombination(item)) {
    return kAny;
  }
  return left_out ? std::string_view() : item;
}

/// The devices that a device string names, combinations resolved.
std::vector<std::string> NamedDevices(std::string_view device) {
  if (device.starts_with(kSimulated)) {
    return {std::string(device)};
  }
  std::vector<std::string> devices;
  const std::string names = NamesAlone(device);
  for (std::size_t begin = 0; begin <= names.size();) {
    const std::size_t end = std::min(names.find(',', begin), names.size());
    if (const std::string_view name = NamedBy(std::string_view(names).substr(begin, end - begin)); !name.empty()) {
      devices.emplace_back(name);
    }
    begin = end + 1;
  }
  return devices;
}

/// Also of a file that is not there yet.
std::string OneNameOf(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(absolute, error);
  return error ? path : canonical.string();
}

/// Names of locks, and whether each is shared.
class Keys {
 public:
  void Add(const std::string& device) {
    if (device.starts_with(kSimulated)) {
      AddAlone(std::string(kSimulated) + OneNameOf(device.substr(kSimulated.size())));
      return;
    }
    AddAlone(device);
    if (device == kAny || device == kCpu) {
      return;
    }
    AddShared(std::string(kAny));
    for (std::size_t dot = device.find('.'); dot != std::string::npos; dot = device.find('.', dot + 1)) {
      AddShared(device.substr(0, dot));
    }
  }

  std::vector<DeviceKey> Sorted() const {
    std::vector<DeviceKey> sorted;
    for (const auto& [name, shared] : shared_) {
      sorted.push_back({name, shared});
    }
    return sorted;
  }

 private:
  void AddAlone(const std::string& name) { shared_[name] = false; }
  void AddShared(const std::string& name) { shared_.emplace(name, true); }

  std::map<std::string, bool> shared_;
};

}  // namespace

std::vector<DeviceKey> DeviceKeysOf(std::string_view device, bool lock_cpu) {
  Keys keys;
  for (const std::string& name : NamedDevices(device)) {
    if (name != kCpu) {
      keys.Add(name);
    }
    if (lock_cpu && (name == kCpu || name == kAny)) {
      keys.Add(std::string(kCpu));
    }
  }
  return keys.Sorted();
}

bool IsCpuAlone(std::string_view device) {
  const std::vector<std::string> devices = NamedDevices(device);
  return !devices.empty() && std::ranges::all_of(devices, [](const std::string& name) { return name == kCpu; });
}

}  // namespace accelerd
