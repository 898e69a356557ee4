#ifndef ACCELERD_BASE_STORED_ENTRIES_H_
#define ACCELERD_BASE_STORED_ENTRIES_H_

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

namespace accelerd {

/// A file or a folder of a store on disk that keeps what was used last.
struct StoredEntry {
  std::filesystem::file_time_type last_used;
  std::uint64_t bytes = 0;
  std::filesystem::path path;
};

/// Calls `remove` with the path of each entry that does not fit into `max_bytes` beside the entries that were used
/// after it. `remove` must expect that another process removed the path already.
template <typename F>
void ForEachBeyond(std::vector<StoredEntry> entries, std::uint64_t max_bytes, F remove) {
  std::ranges::sort(entries, std::greater(), &StoredEntry::last_used);
  std::uint64_t bytes = 0;
  for (const StoredEntry& entry : entries) {
    bytes += entry.bytes;
    if (bytes > max_bytes) {
      remove(entry.path);
    }
  }
}

}  // namespace accelerd

#endif  // ACCELERD_BASE_STORED_ENTRIES_H_
