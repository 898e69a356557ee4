#include "config/option_table.h"

#include <chrono>

namespace accelerd {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using enum OptionGroup;

constexpr std::size_t kKiB = 1 << 10;
constexpr std::size_t kMiB = 1 << 20;
constexpr std::size_t kGiB = 1 << 30;

// NOLINTNEXTLINE(readability-function-size): a table.
std::vector<Option> MakeTable() {
  using Options = ServeOptions;
  return {
      {.name = "listen",
       .placeholder = "ADDRESS",
       .group = kService,
       .value = AddressListValue{&Options::listen},
       .default_text = "127.0.0.1:5001,[::1]:5001",
       .help = "Where clients reach the service: HOST:PORT, [IPV6]:PORT or unix:PATH; all of them at once. A name as "
               "HOST stands for every address that it has, and [::] for every address of the machine, IPv4 included. "
               "The default leaves out [::1] on a machine without IPv6. There is no authentication: 0.0.0.0 and [::] "
               "serve whoever can reach the machine"},
      {.name = "allow-origin",
       .placeholder = "ORIGIN",
       .group = kService,
       .value = OriginListValue{&Options::allow_origin},
       .default_text = "",
       .help = "Sites whose web pages may use the service from a browser, such as https://robot.example; *: all. "
               "Requests with the Origin of another site are answered 403"},
      {.name = "allow-host",
       .placeholder = "NAME",
       .group = kService,
       .value = HostListValue{&Options::allow_host},
       .default_text = "",
       .help =
           "Names that clients may call the service by in URLs (the Host header), besides IP addresses, localhost, "
           "names below it, and the machine's names (hostname, /etc/hosts); *: any. Other names are answered 403 on "
           "connections to a loopback address"},
      {.name = "socket-mode",
       .placeholder = "MODE",
       .group = kService,
       .value = FileModeValue{&Options::socket_mode},
       .default_text = "0660",
       .help = "Permissions of Unix sockets, in octal. A client needs the permission to write"},
      {.name = "socket-group",
       .placeholder = "GROUP",
       .group = kService,
       .value = TextValue{&Options::socket_group, {}, true},
       .default_text = "",
       .help = "Group that owns Unix sockets; empty: the group of the process"},
      {.name = "log-level",
       .placeholder = "LEVEL",
       .group = kService,
       .value = TextValue{&Options::log_level,
                          {"trace", "debug", "info", "warning", "error"},
                          false,
                          {{"warn", "warning"}, {"err", "error"}, {"critical", "error"}}},
       .default_text = "info",
       .help = "Least level of the lines that go to standard error: trace, debug, info, warning or error"},
      {.name = "drain-delay",
       .placeholder = "DURATION",
       .group = kService,
       .value = DurationValue{&Options::drain_delay, 0ms, 1h},
       .default_text = "0s",
       .help = "After SIGTERM or SIGINT, how long new connections are still accepted while the service says that it is "
               "not ready: time for a load balancer to notice"},
      {.name = "drain-timeout",
       .placeholder = "DURATION",
       .group = kService,
       .value = DurationValue{&Options::drain_timeout, 0ms, 1h},
       .default_text = "30s",
       .help = "After SIGTERM or SIGINT, how long accepted work may take to finish; the rest is answered 503"},
      {.name = "request-timeout",
       .placeholder = "DURATION",
       .group = kService,
       .value = DurationValue{&Options::request_timeout, 10ms, 1h},
       .default_text = "30s",
       .help = "Deadline of an inference, from the end of its request on; one that has not started by then is refused. "
               "X-Timeout-Ms of a request shortens it"},
      {.name = "load-timeout",
       .placeholder = "DURATION",
       .group = kService,
       .value = DurationValue{&Options::load_timeout, 10ms, 24h},
       .default_text = "5m",
       .help = "How long a call that loads a model waits for it, also while the device is not there; the load goes on"},

      {.name = "client",
       .placeholder = "RULE",
       .group = kSharing,
       .value = ClientListValue{&Options::client},
       .default_text = "",
       .help =
           "What clients are granted; the first rule that matches one counts. weight: its part of the device beside "
           "others, 1 without a rule. priority: the highest class that it may ask for by X-Priority, normal without "
           "a rule. trusted: the names that it sends as X-Client-Id are clients of their own. as-one: all processes "
           "of the user are one client, instead of one each. An example: "
           "\"user:gateway priority=realtime trusted\". docs/sharing.md explains it"},

      {.name = "device",
       .placeholder = "DEVICE",
       .group = kDevice,
       .value = TextValue{&Options::device},
       .default_text = "CPU",
       .help = "The accelerator, as `accelerd devices` lists it; or SIMULATED:FILE, which needs no hardware"},
      {.name = "precision",
       .placeholder = "PRECISION",
       .group = kDevice,
       .value =
           TextValue{&Options::precision, {"default", "f32", "f16", "bf16"}, false, {{"fp32", "f32"}, {"fp16", "f16"}}},
       .default_text = "default",
       .help =
           "Arithmetic of the device: default (what its driver prefers), f32, f16 or bf16. A model's NAME.toml goes "
           "before it"},
      {.name = "performance-hint",
       .placeholder = "HINT",
       .group = kDevice,
       .value = TextValue{&Options::performance_hint, {"throughput", "latency"}},
       .default_text = "throughput",
       .help = "What models are compiled for: throughput (several inferences at once) or latency (one, as fast as "
               "possible). A model's NAME.toml goes before it"},
      {.name = "isolation",
       .placeholder = "WHERE",
       .group = kDevice,
       .value = TextValue{&Options::isolation, {"auto", "worker", "none"}},
       .default_text = "auto",
       .help = "Where the device is driven: worker (in a process of its own, whose crashes and hangs the service "
               "survives), none (in the service itself) or auto. auto is worker, except for the CPU without "
               "--allow-models, where it is none. none is refused together with --allow-models"},
      {.name = "device-lock",
       .placeholder = "WHEN",
       .group = kDevice,
       .value = TextValue{&Options::device_lock, {"auto", "always"}},
       .default_text = "auto",
       .help = "Which devices are locked against a second service: auto (all but the CPU, which services can share) or "
               "always (the CPU too, against others that ask for it)"},
      {.name = "worker-command",
       .placeholder = "COMMAND",
       .group = kDevice,
       .value = TextValue{&Options::worker_command, {}, true},
       .default_text = "",
       .help = "Another program that drives the device, as docs/worker-protocol.md describes; a program and its "
               "arguments, separated by spaces. Empty: accelerd itself"},
      {.name = "device-wait",
       .placeholder = "DURATION",
       .group = kDevice,
       .value = DurationValue{&Options::device_wait, 0ms, 1h},
       .default_text = "5s",
       .help = "How long after the loss of the device new inferences are still queued for its return; later ones are "
               "answered 503 at once"},
      {.name = "open-timeout",
       .placeholder = "DURATION",
       .group = kDevice,
       .value = DurationValue{&Options::open_timeout, 10ms, 1h},
       .default_text = "30s",
       .help = "How long the device may take to open before it counts as hung"},
      {.name = "compile-timeout",
       .placeholder = "DURATION",
       .group = kDevice,
       .value = DurationValue{&Options::compile_timeout, 10ms, 24h},
       .default_text = "5m",
       .help = "How long a model may take to compile before the device counts as hung"},
      {.name = "run-timeout",
       .placeholder = "DURATION",
       .group = kDevice,
       .value = DurationValue{&Options::run_timeout, 10ms, 1h},
       .default_text = "30s",
       .help = "How long an inference may take before the device counts as hung; at most 20 times the median of its "
               "model's, but not less than 2 s, once some were measured"},
      {.name = "probe-interval",
       .placeholder = "DURATION",
       .group = kDevice,
       .value = DurationValue{&Options::probe_interval, 0ms, 24h},
       .default_text = "10s",
       .help = "How often the device is asked whether it is still there, files of models that could not be loaded are "
               "looked at for changes, and Unix sockets that were deleted are made again; 0: never"},
      {.name = "canary-interval",
       .placeholder = "DURATION",
       .group = kDevice,
       .value = DurationValue{&Options::canary_interval, 0ms, 24h},
       .default_text = "1m",
       .help = "How often each model's output on a fixed input is compared with that of its first load, which bounds "
               "how long a device can answer nonsense; 0: only after each load"},
      {.name = "cpu-threads",
       .placeholder = "N",
       .group = kDevice,
       .value = CountValue{&Options::cpu_threads, 0, 1024},
       .default_text = "0",
       .help = "Threads that decode images and work on results; 0: one more than there are processors. One more thread "
               "stands by: it decodes for other clients while one client holds up all the others"},

      {.name = "models",
       .placeholder = "DIR",
       .group = kModels,
       .value = FolderValue{&Options::models, true},
       .default_text = "none",
       .help = "Folder of models: each NAME.xml, NAME.onnx or NAME.tflite in it, or folder NAME or NAME_openvino_model "
               "with one of these, is the model NAME"},
      {.name = "load",
       .placeholder = "NAME",
       .group = kModels,
       .value = NameListValue{&Options::load},
       .default_text = "all",
       .help = "Models of the folder that are loaded at start: names, all or none"},
      {.name = "ready-when",
       .placeholder = "WHAT",
       .group = kModels,
       .value = TextValue{&Options::ready_when, {"models", "device"}},
       .default_text = "models",
       .help = "What GET /health/ready asks for: models (the device and every model that is loaded at start serve) or "
               "device (the device is there)"},
      {.name = "allow-path",
       .placeholder = "DIR",
       .group = kModels,
       .value = FolderListValue{&Options::allow_path},
       .default_text = "",
       .help = "Folders beneath which clients may name images by path; / permits every file that the service can read. "
               "It does not permit /load: that is --allow-models"},
      {.name = "allow-models",
       .placeholder = "DIR",
       .group = kModels,
       .value = FolderListValue{&Options::allow_models},
       .default_text = "",
       .help =
           "Folders beneath which clients may load models by /load, besides the folder of --models; / permits every "
           "model that the service can read. Models run in a worker process then: see --isolation"},
      {.name = "cache-dir",
       .placeholder = "DIR",
       .group = kModels,
       .value = FolderValue{&Options::cache_dir, true, "XDG_CACHE_HOME", ".cache"},
       .default_text = "/var/cache/accelerd",
       .help = "Folder for compiled models, which makes later starts faster, or none"},
      {.name = "state-dir",
       .placeholder = "DIR",
       .group = kModels,
       .value = FolderValue{&Options::state_dir, true, "XDG_STATE_HOME", ".local/state"},
       .default_text = "/var/lib/accelerd",
       .help = "Folder for what the service remembers from one start to the next, or none: what each model computes on "
               "a fixed input, by which a device that computes something else is found out"},
      {.name = "lock-dir",
       .placeholder = "DIR",
       .group = kModels,
       .value = FolderValue{&Options::lock_dir},
       .default_text = "/run/lock",
       .help = "Folder for the locks that keep two services off one device; the same for all users of a machine"},

      {.name = "max-connections",
       .placeholder = "N",
       .group = kLimits,
       .value = CountValue{&Options::max_connections, 1, 1'000'000},
       .default_text = "1024",
       .help =
           "Connections at once. One client has at most 15/16 of them. When all are taken, an idle connection makes "
           "room, then one whose body or answer is stalled, then the last request of the client that has most "
           "connections. Without any of these the new connection is answered 503; health is answered always"},
      {.name = "max-header-bytes",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::max_header_bytes, kKiB, kMiB},
       .default_text = "16KiB",
       .help = "Header of one request; larger: 431"},
      {.name = "max-body-bytes",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::max_body_bytes, kKiB, 2 * kGiB},
       .default_text = "32MiB",
       .help = "Body of one request; larger: 413, without reading it"},
      {.name = "max-total-body-bytes",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::max_total_body_bytes, kKiB, 1024 * kGiB},
       .default_text = "256MiB",
       .help = "Bodies of all requests together, reserved step by step as they arrive; several times max-body-bytes, "
               "or large "
               "bodies wait for each other"},
      {.name = "body-wait",
       .placeholder = "DURATION",
       .group = kLimits,
       .value = DurationValue{&Options::body_wait, 0ms, 1h},
       .default_text = "5s",
       .help = "How long a body waits for such a step; then: 503"},
      {.name = "max-total-response-bytes",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::max_total_response_bytes, kKiB, 1024 * kGiB},
       .default_text = "256MiB",
       .help = "Answers over 64KiB of all requests together, reserved before an answer is made until it is written; "
               "without room: 503 with Retry-After. One that is larger than this has it alone"},
      {.name = "header-timeout",
       .placeholder = "DURATION",
       .group = kLimits,
       .value = DurationValue{&Options::header_timeout, 10ms, 1h},
       .default_text = "10s",
       .help = "From the first byte of a request to the end of its header"},
      {.name = "body-timeout",
       .placeholder = "DURATION",
       .group = kLimits,
       .value = DurationValue{&Options::body_timeout, 10ms, 1h},
       .default_text = "30s",
       .help = "How long a body may arrive more slowly than --min-rate; then: 408"},
      {.name = "idle-timeout",
       .placeholder = "DURATION",
       .group = kLimits,
       .value = DurationValue{&Options::idle_timeout, 10ms, 24h},
       .default_text = "75s",
       .help = "How long a connection is kept between requests"},
      {.name = "write-timeout",
       .placeholder = "DURATION",
       .group = kLimits,
       .value = DurationValue{&Options::write_timeout, 10ms, 1h},
       .default_text = "30s",
       .help = "How long a client may read its answer more slowly than --min-rate; then the connection is closed"},
      {.name = "min-rate",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::min_rate, 1, kGiB},
       .default_text = "1KiB",
       .help =
           "Bytes a second at which a body must arrive and an answer must be read. Bytes that are transferred faster "
           "earn no time for later"},
      {.name = "max-models",
       .placeholder = "N",
       .group = kLimits,
       .value = CountValue{&Options::max_models, 1, 100'000},
       .default_text = "256",
       .help = "Models that are loaded or listed as UNAVAILABLE. Loading another one is answered 503, but a client's "
               "model that is UNAVAILABLE makes room. Models that are loaded at start count and are never refused"},
      {.name = "max-client-models",
       .placeholder = "N",
       .group = kLimits,
       .value = CountValue{&Options::max_client_models, 1, 100'000},
       .default_text = "64",
       .help = "Models that one client may have loaded; more: 429"},
      {.name = "max-model-bytes",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::max_model_bytes, kKiB, 1024 * kGiB},
       .default_text = "4GiB",
       .help = "Files of one model; a larger model is not loaded"},
      {.name = "max-total-model-bytes",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::max_total_model_bytes, kKiB, 1024 * kGiB},
       .default_text = "8GiB",
       .help = "Files of all models that are loaded. A client's load beyond it is answered 503. Models that are loaded "
               "at start count and are never refused"},
      {.name = "max-queue",
       .placeholder = "JOBS",
       .group = kLimits,
       .value = CountValue{&Options::max_queue, 1, 1'000'000},
       .default_text = "256",
       .help =
           "Inferences that are accepted and not answered yet, those that run included; more: 503 with Retry-After"},
      {.name = "max-client-queue",
       .placeholder = "JOBS",
       .group = kLimits,
       .value = CountValue{&Options::max_client_queue, 1, 1'000'000},
       .default_text = "256",
       .help =
           "Of those, how many one client may have; more: 429 with Retry-After. In any case, when the queue is full "
           "and another client has less of it, who has most gives up its last"},
      {.name = "max-client-bytes",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::max_client_bytes, kKiB, 1024 * kGiB},
       .default_text = "1GiB",
       .help = "Inputs of the inferences that one client has waiting or running, as they are once decoded; more: 429 "
               "with Retry-After"},
      {.name = "max-clients",
       .placeholder = "N",
       .group = kLimits,
       .value = CountValue{&Options::max_clients, 1, 100'000},
       .default_text = "1000",
       .help = "Clients that are told apart; who is idle for longest is forgotten for a new one. All that are more at "
               "once share the device as one"},
      {.name = "max-prepared-bytes",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::max_prepared_bytes, kKiB, 1024 * kGiB},
       .default_text = "256MiB",
       .help = "Decoded inputs that wait for the device or are on it"},
      {.name = "max-image-pixels",
       .placeholder = "N",
       .group = kLimits,
       .value = CountValue{&Options::max_image_pixels, 1, 1'000'000'000},
       .default_text = "100000000",
       .help = "Pixels of an image, checked before it is decoded. More are answered 413"},
      {.name = "max-image-dimension",
       .placeholder = "N",
       .group = kLimits,
       .value = CountValue{&Options::max_image_dimension, 1, 65'535},
       .default_text = "65535",
       .help = "Rows, and columns, of an image, checked before it is decoded. More are answered 413"},
      {.name = "max-decode-bytes",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::max_decode_bytes, kMiB, 1024 * kGiB},
       .default_text = "1GiB",
       .help = "Memory for the images that are decoded at the same time, pixels and decoders together. An image that "
               "needs more than all of it is answered 413. Others wait for their turn, except those that need at most "
               "a sixteenth of it, which are not counted"},
      {.name = "accept-damaged-images",
       .placeholder = "BOOL",
       .group = kLimits,
       .value = SwitchValue{&Options::accept_damaged_images},
       .default_text = "false",
       .help = "Answer images that are damaged or cut off, where OpenCV's imread would give a picture (JPEG and TIFF), "
               "and say so in the header X-Image-Warning. Otherwise they are answered 400"},
      {.name = "max-file-bytes",
       .placeholder = "SIZE",
       .group = kLimits,
       .value = BytesValue{&Options::max_file_bytes, kKiB, 2 * kGiB},
       .default_text = "32MiB",
       .help = "An image that is named by path"},
  };
}

}  // namespace

std::span<const Option> OptionTable() {
  static const std::vector<Option> table = MakeTable();
  return table;
}

}  // namespace accelerd
