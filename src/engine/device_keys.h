#ifndef ACCELERD_ENGINE_DEVICE_KEYS_H_
#define ACCELERD_ENGINE_DEVICE_KEYS_H_

#include <string>
#include <string_view>
#include <vector>

namespace accelerd {

/// A lock that an owner of devices holds, alone or together with others.
struct DeviceKey {
  std::string name;
  bool shared = false;

  friend bool operator==(const DeviceKey&, const DeviceKey&) = default;
};

/// The locks that keep everybody else off the devices behind a runtime's device string. Sorted by name, each once.
///
/// The runtime is not asked, for it would load every driver: names decide, and two names that may mean one device
/// exclude each other. The owner of GPU.1 holds GPU.1 alone, and GPU and AUTO together with others: GPU.0 may have
/// another owner, but who wants GPU, which is any of them, wants it alone. What stands for every device (AUTO, MULTI
/// and HETERO without a list, AUTO:-GPU) is AUTO alone. "BATCH:GPU(8)" and "MULTI:GPU,CPU" are GPU. A SIMULATED:FILE is
/// its file, whichever path or link leads to it.
///
/// The CPU is everybody's: it has no lock unless `lock_cpu`, and then one that only others who ask for it meet.
std::vector<DeviceKey> DeviceKeysOf(std::string_view device, bool lock_cpu = false);

/// Whether the device string stands for the CPU alone: "CPU", "BATCH:CPU(4)". "AUTO" may stand for anything.
bool IsCpuAlone(std::string_view device);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_KEYS_H_
