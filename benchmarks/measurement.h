#ifndef ACCELERD_BENCHMARKS_MEASUREMENT_H_
#define ACCELERD_BENCHMARKS_MEASUREMENT_H_

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "fmt/core.h"

namespace accelerd::benchmark {

/// A file's bytes. Throws when it cannot be read.
inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::runtime_error(fmt::format("cannot read {}", path));
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Processor time of this process so far, in seconds.
inline double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// What one thread did.
struct Lane {
  std::vector<float> latencies;  ///< Of the requests that ended within the measured time, in milliseconds.
  std::size_t requests = 0;      ///< All, those before and after it too.
  std::exception_ptr error;
};

/// Prints what was measured in `elapsed` seconds, in which this process worked for `cpu` seconds.
inline void PrintFigures(const std::vector<Lane>& lanes, double elapsed, double cpu) {
  std::vector<float> all;
  std::size_t requests = 0;
  for (const Lane& lane : lanes) {
    all.insert(all.end(), lane.latencies.begin(), lane.latencies.end());
    requests += lane.requests;
  }
  if (all.empty()) {
    throw std::runtime_error("no request ended: measure for longer");
  }
  std::sort(all.begin(), all.end());
  const double count = static_cast<double>(all.size());
  fmt::print(
      R"({{"requests_per_second": {:.2f}, "median_ms": {:.3f}, "p99_ms": {:.3f}, "cpu_ms": {:.4f}, "requests": {}}})"
      "\n",
      count / elapsed, all[all.size() / 2], all[all.size() * 99 / 100], 1000 * cpu / count, requests);
}

/// Calls `steps[i]` again and again on a thread of its own, for `seconds` after a tenth of them to warm up, and prints
/// requests per second, latencies and this process's CPU time a request as a line of JSON, and how many requests there
/// were in all. A request counts where it ends: one that is under way at the begin makes up for one that is at the end,
/// however many are. Throws what a step throws.
inline void Measure(std::vector<std::function<void()>> steps, double seconds) {
  using Clock = std::chrono::steady_clock;
  std::atomic<bool> measuring = false;
  std::atomic<bool> stop = false;
  std::vector<Lane> lanes(steps.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        while (!stop) {
          const auto start = Clock::now();
          steps[i]();
          ++lanes[i].requests;
          if (measuring) {
            lanes[i].latencies.push_back(std::chrono::duration<float, std::milli>(Clock::now() - start).count());
          }
        }
      } catch (...) {
        lanes[i].error = std::current_exception();
        stop = true;
      }
    });
  }
  const auto sleep = [](double duration) { std::this_thread::sleep_for(std::chrono::duration<double>(duration)); };
  sleep(seconds / 10);
  const double cpu_before = CpuSeconds();
  const auto start = Clock::now();
  measuring = true;
  sleep(seconds);
  measuring = false;
  const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
  const double cpu = CpuSeconds() - cpu_before;
  stop = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const Lane& lane : lanes) {
    if (lane.error) {
      std::rethrow_exception(lane.error);
    }
  }
  PrintFigures(lanes, elapsed, cpu);
}

}  // namespace accelerd::benchmark

#endif  // ACCELERD_BENCHMARKS_MEASUREMENT_H_
