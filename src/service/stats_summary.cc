#include "service/stats_summary.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

using Named = std::pair<std::string, const ShareStats*>;

double Milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// "3 queue_full, 1 expired"
std::string Refusals(const ShareStats& stats) {
  std::string text;
  for (std::size_t i = 0; i < kRefusalReasons; ++i) {
    if (stats.refused.at(i) > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", stats.refused.at(i),
                          RefusalReasonName(static_cast<RefusalReason>(i)));
    }
  }
  return text;
}

std::string Describe(const ShareStats& stats) {
  std::string text = fmt::format("{} inferences", stats.completed);
  if (stats.started > 0) {
    text +=
        fmt::format(", waited {:.1f} ms on average and {:.1f} ms at most",
                    Milliseconds(stats.wait) / static_cast<double>(stats.started), Milliseconds(stats.longest_wait));
  }
  if (stats.decoded > 0) {
    text += fmt::format(", {} images decoded without an inference", stats.decoded);
  }
  for (const auto& [count, what] : {std::pair(stats.failed, "failed"), std::pair(stats.cancelled, "cancelled")}) {
    text += count > 0 ? fmt::format(", {} {}", count, what) : "";
  }
  const std::string refusals = Refusals(stats);
  return text + (refusals.empty() ? "" : fmt::format(", refused: {}", refusals));
}

/// Whether `a` used more than `b`.
bool UsedMore(const Named& a, const Named& b) {
  return std::pair(a.second->device_time, a.second->processor_time) >
         std::pair(b.second->device_time, b.second->processor_time);
}

void AddLines(std::string_view kind, std::vector<Named> shares, Duration total, std::size_t most,
              std::vector<std::string>& lines) {
  std::stable_sort(shares.begin(), shares.end(), UsedMore);
  for (std::size_t i = 0; i < std::min(most, shares.size()); ++i) {
    const auto& [name, stats] = shares[i];
    const double part = total.count() > 0 ? 100.0 * Milliseconds(stats->device_time) / Milliseconds(total) : 0;
    lines.push_back(fmt::format("{} {}: {:.1f} % of the device's time, {}", kind, name, part, Describe(*stats)));
  }
  if (shares.size() > most) {
    lines.push_back(fmt::format("and {} more {}s", shares.size() - most, kind));
  }
}

std::string NameOf(const Client& client) {
  if (client.group.empty()) {
    return "(all others)";
  }
  return client.member.empty() ? fmt::format("\"{}\"", client.title())
                               : fmt::format("\"{}\" of \"{}\"", client.member, client.title());
}

}  // namespace

std::vector<std::string> SummarizeStats(const SchedulerStats& stats, std::size_t most_each) {
  std::vector<std::string> lines;
  if (stats.clients.empty() && stats.models.empty()) {
    return lines;
  }
  lines.push_back(fmt::format("in all: the device worked {:.1f} s, {}", Milliseconds(stats.total.device_time) / 1000,
                              Describe(stats.total)));
  std::vector<Named> models;
  for (const ModelStats& model : stats.models) {
    models.emplace_back(fmt::format("\"{}\"", model.model), &model.stats);
  }
  std::vector<Named> clients;
  for (const ClientStats& client : stats.clients) {
    clients.emplace_back(NameOf(client.client), &client.stats);
  }
  AddLines("model", std::move(models), stats.total.device_time, most_each, lines);
  AddLines("client", std::move(clients), stats.total.device_time, most_each, lines);
  return lines;
}

}  // namespace accelerd
