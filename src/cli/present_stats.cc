#include "cli/present_stats.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cli/table.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

using Json = nlohmann::json;

/// The member `key`, or 0 when there is no such number: an older service has fewer.
double Number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

const Json& Member(const Json& object, const char* key) {
  static const Json kEmpty = Json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : kEmpty;
}

std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t Refused(const Json& entry) {
  double sum = 0;
  for (const Json& count : Member(entry, "refused")) {
    sum += count.is_number() ? count.get<double>() : 0;
  }
  return static_cast<std::uint64_t>(sum);
}

std::string Percent(double part) {
  return fmt::format("{:.1f} %", 100 * part);
}

bool IsActive(const Json& entry) {
  const Json& minute = Member(entry, "last_60s");
  return Number(minute, "device_utilization") > 0 || Number(minute, "cpu_threads") > 0 ||
         Number(entry, "waiting") > 0 || Number(entry, "running") > 0;
}

std::string NameOf(const Json& entry, const char* key) {
  std::string name = Text(entry, key);
  if (name.empty()) {
    name = "(all others)";
  }
  const std::string id = Text(entry, "id");
  return id.empty() ? name : fmt::format("{} / {}", name, id);
}

/// A table of the active ones, and how many are not.
std::string ShareTable(const Json& stats, const char* list, const char* key, const std::string& title) {
  const auto entries = stats.find(list);
  if (entries == stats.end() || !entries->is_array()) {
    return "";
  }
  std::vector<const Json*> active;
  for (const Json& entry : *entries) {
    if (entry.is_object() && IsActive(entry)) {
      active.push_back(&entry);
    }
  }
  const auto recent = [](const Json* entry) {
    const Json& seconds = Member(*entry, "last_10s");
    return std::pair(Number(seconds, "device_utilization"), Number(seconds, "cpu_threads"));
  };
  std::stable_sort(active.begin(), active.end(),
                   [&recent](const Json* a, const Json* b) { return recent(a) > recent(b); });
  Table table({{title, Table::Align::kLeft},
               {"DEVICE 10S"},
               {"60S"},
               {"THREADS 10S"},
               {"60S"},
               {"WAITING"},
               {"DONE"},
               {"REFUSED"}});
  for (const Json* entry : active) {
    const Json& seconds = Member(*entry, "last_10s");
    const Json& minute = Member(*entry, "last_60s");
    table.AddRow({NameOf(*entry, key), Percent(Number(seconds, "device_utilization")),
                  Percent(Number(minute, "device_utilization")), fmt::format("{:.2f}", Number(seconds, "cpu_threads")),
                  fmt::format("{:.2f}", Number(minute, "cpu_threads")), fmt::format("{}", Number(*entry, "waiting")),
                  fmt::format("{}", Number(*entry, "completed") + Number(*entry, "decoded")),
                  fmt::format("{}", Refused(*entry))});
  }
  std::string text = active.empty() ? "" : "\n" + table.Render();
  if (const std::size_t idle = entries->size() - active.size(); idle > 0) {
    text += fmt::format("{}{} {}{} idle for a minute\n", active.empty() ? "\n" : "", idle, key, idle == 1 ? "" : "s");
  }
  return text;
}

}  // namespace

absl::StatusOr<Presentation> PresentStats(std::string_view body) {
  Presentation result{Json::parse(body, nullptr, false), {}};
  const Json& stats = result.json;
  if (!stats.is_object() || !stats.contains("device_seconds")) {
    return absl::UnknownError("the answer is not that of /stats: is this an accelerd service?");
  }
  const Json& seconds = Member(stats, "last_10s");
  const Json& minute = Member(stats, "last_60s");
  result.text = fmt::format(
      "device   {} busy in the last 10 s, {} in the last minute\n"
      "threads  {:.2f} busy in the last 10 s, {:.2f} in the last minute\n"
      "queue    {} waiting, {} running\n"
      "so far   {} inferences, {} images decoded alone, {} failed, {} cancelled, {} refused\n",
      Percent(Number(seconds, "device_utilization")), Percent(Number(minute, "device_utilization")),
      Number(seconds, "cpu_threads"), Number(minute, "cpu_threads"), Number(stats, "waiting"), Number(stats, "running"),
      Number(stats, "completed"), Number(stats, "decoded"), Number(stats, "failed"), Number(stats, "cancelled"),
      Refused(stats));
  result.text += ShareTable(stats, "clients", "client", "CLIENT");
  result.text += ShareTable(stats, "models", "model", "MODEL");
  return result;
}

}  // namespace accelerd
