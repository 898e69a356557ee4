#ifndef ACCELERD_ENGINE_CLIENT_H_
#define ACCELERD_ENGINE_CLIENT_H_

#include <cstdint>
#include <string>

namespace accelerd {

/// A class goes before those below it, each of which is guaranteed 5 % of the device.
enum class PriorityClass { kRealtime, kNormal, kBatch };

/// Who wants an inference, as the device is shared: groups share it by their weights, the members of a group share
/// what it gets equally.
struct Client {
  std::string group = {};    ///< A peer, or what a trusted peer calls its own client.
  std::string member = {};   ///< Within the group; empty: the group has no parts.
  double weight = 1;         ///< Of the group, over 0. Default: 1.
  std::string process = {};  ///< What the group called itself when it was first seen: for people alone.
  /// When the group's process started: another one that has its number later is another group. 0: none, or not known.
  std::uint64_t process_started = 0;

  /// Of the group: no other one has it, not even later.
  std::string key() const {
    std::string key;
    AppendKey(key);
    return key;
  }
  void AppendKey(std::string& text) const {
    text.append(group).append(1, '\0').append(std::to_string(process_started));
  }

  /// The group as people read it: "uid 1000 pid 4711 (python3)".
  std::string title() const { return process.empty() ? group : group + " (" + process + ")"; }
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_CLIENT_H_
