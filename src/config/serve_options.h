#ifndef ACCELERD_CONFIG_SERVE_OPTIONS_H_
#define ACCELERD_CONFIG_SERVE_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/client_option.h"

namespace accelerd {

/// What `accelerd serve` runs with, checked and complete. Names, defaults, bounds and help are rows of the options
/// table (option_table.cc); ParseServeCommand fills the members. Folders and socket paths are absolute.
struct ServeOptions {
  // Service.
  std::vector<std::string> listen;        ///< "HOST:PORT", "[IPV6]:PORT" or "unix:PATH"; at least one, each once.
  bool listen_by_default = false;         ///< `listen` is the default: nobody asked for these addresses.
  std::vector<std::string> allow_origin;  ///< "SCHEME://HOST[:PORT]" in lower case, or "*".
  std::vector<std::string> allow_host;    ///< Names in lower case, without ports, or "*".
  int socket_mode = 0;                    ///< Permissions of Unix sockets.
  std::string socket_group;               ///< Of Unix sockets; empty: the process's own.
  std::string log_level;                  ///< A name that ParseLogLevel knows.
  std::chrono::milliseconds drain_delay{};
  std::chrono::milliseconds drain_timeout{};
  std::chrono::milliseconds request_timeout{};
  std::chrono::milliseconds load_timeout{};

  // Sharing.
  std::vector<ClientOption> client;  ///< The first that matches counts.

  // Device.
  std::string device;
  std::string precision;         ///< "default", "f32", "f16" or "bf16".
  std::string performance_hint;  ///< "throughput" or "latency".
  std::string isolation;         ///< "auto", "worker" or "none".
  std::string device_lock;       ///< "auto" or "always".
  std::string worker_command;    ///< Words, separated by spaces; empty: this program.
  std::chrono::milliseconds device_wait{};
  std::chrono::milliseconds open_timeout{};
  std::chrono::milliseconds compile_timeout{};
  std::chrono::milliseconds run_timeout{};
  std::chrono::milliseconds probe_interval{};   ///< 0: never.
  std::chrono::milliseconds canary_interval{};  ///< 0: never.
  std::int64_t cpu_threads = 0;                 ///< 0: one more than there are processors.

  // Models.
  std::string models;                     ///< Folder; empty: none.
  std::string ready_when;                 ///< "models" or "device".
  std::vector<std::string> load;          ///< Model names, or "all" or "none" alone.
  std::vector<std::string> allow_path;    ///< Folders of images that clients may name.
  std::vector<std::string> allow_models;  ///< Folders, besides `models`, from which clients may load models.
  std::string cache_dir;                  ///< Empty: no cache.
  std::string state_dir;                  ///< Empty: nothing is kept.
  std::string lock_dir;

  // Limits.
  std::int64_t max_connections = 0;
  std::size_t max_header_bytes = 0;
  std::size_t max_body_bytes = 0;
  std::size_t max_total_body_bytes = 0;
  std::chrono::milliseconds body_wait{};
  std::size_t max_total_response_bytes = 0;
  std::chrono::milliseconds header_timeout{};
  std::chrono::milliseconds body_timeout{};
  std::chrono::milliseconds idle_timeout{};
  std::chrono::milliseconds write_timeout{};
  std::size_t min_rate = 0;
  std::int64_t max_models = 0;
  std::int64_t max_client_models = 0;
  std::size_t max_model_bytes = 0;        ///< Files of one model.
  std::size_t max_total_model_bytes = 0;  ///< Files of all models.
  std::int64_t max_queue = 0;             ///< Jobs that are not done.
  std::int64_t max_client_queue = 0;
  std::size_t max_client_bytes = 0;
  std::int64_t max_clients = 0;
  std::size_t max_prepared_bytes = 0;
  std::int64_t max_image_pixels = 0;
  std::int64_t max_image_dimension = 0;
  std::size_t max_decode_bytes = 0;
  bool accept_damaged_images = false;
  std::size_t max_file_bytes = 0;  ///< Of an image named by path.
};

/// Whether the values fit together; each is within its own bounds already. kInvalidArgument names the options and what
/// to do.
absl::Status ValidateServeOptions(const ServeOptions& options);

}  // namespace accelerd

#endif  // ACCELERD_CONFIG_SERVE_OPTIONS_H_
