#include "backend/registry.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "backend/isolated/isolated_backend.h"
#include "backend/openvino/devices.h"
#include "backend/openvino/openvino_backend.h"
#include "backend/openvino/read_model_info.h"
#include "backend/simulated/simulated_backend.h"
#include "fmt/core.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

/// A kind of backend.
struct Row {
  bool (*drives)(std::string_view device);
  std::unique_ptr<Backend> (*create)(const BackendOptions& options, Backend::OnLost on_lost);
  absl::Status (*check_name)(const std::string& device);             ///< nullptr: whatever it drives is fine.
  absl::Status (*check)(const std::string& device);                  ///< nullptr: there is nothing to load.
  absl::StatusOr<std::vector<DeviceDescription>> (*list_devices)();  ///< nullptr: it finds none by itself.
  std::string (*runtime_version)();                                  ///< nullptr: it has no runtime.
};

constexpr std::string_view kSimulated = "SIMULATED:";

bool LooksLikeSimulatedDevice(std::string_view device) {
  return device.starts_with(kSimulated) && device.size() > kSimulated.size();
}

std::unique_ptr<Backend> CreateSimulated(const BackendOptions& options, Backend::OnLost on_lost) {
  return CreateSimulatedBackend(options.device.substr(kSimulated.size()), openvino::ReadModelInfo, std::move(on_lost));
}

/// As OpenVINO spells devices, virtual ones and lists included.
bool LooksLikeOpenvinoDevice(std::string_view device) {
  constexpr std::string_view kCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:,()-";
  return !device.empty() && device.front() >= 'A' && device.front() <= 'Z' &&
         device.find_first_not_of(kCharacters) == std::string_view::npos;
}

std::unique_ptr<Backend> CreateOpenvino(const BackendOptions& options, Backend::OnLost on_lost) {
  return std::make_unique<openvino::OpenvinoBackend>(options, std::move(on_lost));
}

// The first row that drives a device gets it. OpenVINO comes last: it takes every name that no other row claims.
constexpr std::array<Row, 2> kBackends = {
    {{LooksLikeSimulatedDevice, CreateSimulated, nullptr, nullptr, nullptr, nullptr},
     {LooksLikeOpenvinoDevice, CreateOpenvino, openvino::CheckName, openvino::CheckKind, openvino::ListDevices,
      openvino::RuntimeVersion}}};

absl::StatusOr<const Row*> RowOf(const std::string& device) {
  for (const Row& row : kBackends) {
    if (row.drives(device)) {
      return &row;
    }
  }
  return absl::InvalidArgumentError(fmt::format("\"{}\" is not the name of a device", device));
}

/// What to do about a name that can never be a device.
std::string Advice(const std::string& device) {
  const std::vector<std::string> kinds = openvino::KnownKinds();
  const std::string upper = absl::AsciiStrToUpper(device);
  std::string advice;
  if (upper != device && std::ranges::any_of(kinds, [&](const auto& kind) { return upper.starts_with(kind); })) {
    advice = fmt::format("did you mean {}? ", upper);
  }
  return advice + fmt::format(
                      "devices are {}, such as CPU, GPU.0, NPU, AUTO:GPU,CPU and BATCH:CPU(4), and SIMULATED:FILE; "
                      "`accelerd devices` lists those of this machine; --worker-command names another program, which "
                      "may drive others",
                      fmt::join(kinds, ", "));
}

std::unique_ptr<Backend> CreateIsolated(const BackendOptions& options, Backend::OnLost on_lost) {
  return std::make_unique<IsolatedBackend>(IsolatedOptions{.device = options.device,
                                                           .cache_directory = options.cache_directory,
                                                           .worker_command = options.worker_command,
                                                           .inherit = options.worker_descriptors},
                                           std::move(on_lost));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> CreateBackend(const BackendOptions& options, Backend::OnLost on_lost) {
  const bool isolated = options.isolation == BackendOptions::Isolation::kWorker;
  if (isolated && !options.worker_command.empty()) {
    return CreateIsolated(options, std::move(on_lost));  // Another program has names of its own.
  }
  const absl::StatusOr<const Row*> row = RowOf(options.device);
  if (!row.ok()) {
    return CheckDeviceName(options.device);
  }
  return isolated ? CreateIsolated(options, std::move(on_lost)) : (*row)->create(options, std::move(on_lost));
}

absl::Status CheckDeviceName(const std::string& device) {
  const absl::StatusOr<const Row*> row = RowOf(device);
  const absl::Status status = !row.ok() || (*row)->check_name == nullptr ? row.status() : (*row)->check_name(device);
  return status.ok() ? status : absl::Status(status.code(), fmt::format("{}; {}", Message(status), Advice(device)));
}

absl::Status CheckDevice(const std::string& device) {
  ACCELERD_RETURN_IF_ERROR(CheckDeviceName(device));
  ACCELERD_ASSIGN_OR_RETURN(const Row* row, RowOf(device));
  return row->check == nullptr ? absl::OkStatus() : row->check(device);
}

absl::StatusOr<std::vector<DeviceDescription>> ListDevices() {
  std::vector<DeviceDescription> all;
  for (const Row& row : kBackends) {
    if (row.list_devices == nullptr) {
      continue;
    }
    ACCELERD_ASSIGN_OR_RETURN(std::vector<DeviceDescription> devices, row.list_devices());
    all.insert(all.end(), std::make_move_iterator(devices.begin()), std::make_move_iterator(devices.end()));
  }
  return all;
}

std::vector<std::string> RuntimeVersions() {
  std::vector<std::string> versions;
  for (const Row& row : kBackends) {
    if (row.runtime_version != nullptr) {
      versions.push_back(row.runtime_version());
    }
  }
  return versions;
}

}  // namespace accelerd
