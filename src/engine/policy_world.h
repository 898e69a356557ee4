#ifndef ACCELERD_ENGINE_POLICY_WORLD_H_
#define ACCELERD_ENGINE_POLICY_WORLD_H_

/// \file
/// For the simulation of weeks: a device, its models and its clients without threads and without waiting.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/device_course.h"
#include "engine/device_history.h"
#include "engine/load_table.h"
#include "gtest/gtest.h"

namespace accelerd {

/// What chance can do.
enum class Chance { kUnplug, kCrash, kHang, kKill, kLie, kPoisonedJob, kLoad, kUnload, kMend };

/// How often, relative to one another, and how long it takes from one to the next on average.
struct Chances {
  std::array<double, 9> weights{};  ///< As Chance counts them.
  Duration mean = std::chrono::minutes(1);
};

/// Lets the policy (LoadTable, DeviceCourse, NextAction) drive a device that exists by chance alone, and checks every
/// step against what the documents promise. Models are named after what they are: "sound", "broken" (does not load),
/// "poison" (takes the device down when it is loaded), "touchy" (some of its jobs take it down).
class PolicyWorld {
 public:
  PolicyWorld(std::uint64_t seed, const Chances& chances) : random_(seed), chances_(chances) { DrawNext(); }

  void Load(const std::string& name, bool pinned = false) {
    Done<> done = [this, due = now_ + kPatience](const absl::Status& /*status*/) {
      EXPECT_LE(now_, due) << "a caller waits no longer than it wants to";
      ++answers_;
    };
    ++calls_;
    LoadTable::Begun begun = table_.Begin({.name = name,
                                           .files = {.main = "/" + name + ".xml", .card = ""},
                                           .pinned = pinned,
                                           .deadline = now_ + kPatience},
                                          done);
    if (begun.starts) {
      ++starts_[name];
    }
    if (begun.answer) {
      done(*begun.answer);
    }
  }

  void Run(Duration time) {
    for (const Time end = now_ + time; now_ < end && !testing::Test::HasFatalFailure();) {
      Drive();
    }
  }

  /// Everything leaves the device.
  void Close() {
    table_.Refuse(absl::UnavailableError("the end")).Complete(absl::UnavailableError("the end"));
    EXPECT_EQ(answers_, calls_) << "each call has one answer";
    course_.snapshot().closing = true;
    while (!course_.snapshot().placements.empty()) {
      Drive();
    }
  }

  // What happened.

  std::uint64_t events() const { return events_; }
  int losses() const { return losses_; }
  int opens() const { return opens_; }
  int failed_opens() const { return failed_opens_; }
  int absences() const { return absences_; }
  Duration absent() const { return absent_; }
  int quiet_checks() const { return quiet_checks_; }
  int starts(const std::string& name) { return starts_[name]; }
  int crashed_loads(const std::string& name) { return crashed_loads_[name]; }
  int times_unavailable(const std::string& name) { return times_unavailable_[name]; }
  DeviceStatus device() const { return history_.status(); }

 private:
  static constexpr DeviceId kDevice{0};
  static constexpr std::chrono::minutes kPatience{5};
  static constexpr std::chrono::milliseconds kOpenTime{300};
  static constexpr std::chrono::seconds kLoadTime{1};
  static constexpr std::chrono::seconds kLongestBackoff{60};

  // The device's thread, as Device carries it out.

  void Drive() {
    ++events_;
    ReadMail();
    const Step step = table_.NextStep(course_.snapshot(), kDevice, now_);
    if (const auto* const wait = std::get_if<WaitStep>(&step);
        wait != nullptr && course_.snapshot().state != DeviceState::kReady) {
      ASSERT_TRUE(wait->until) << "the device is given up";
      EXPECT_LE(*wait->until - now_, kLongestBackoff);
    }
    EXPECT_LE(course_.snapshot().placements.size(), kNames.size() + 1);
    std::visit([this](const auto& todo) { Do(todo); }, step);
  }

  void ReadMail() {
    for (const ModelGeneration model : std::exchange(unreferenced_, {})) {
      if (const auto placement = course_.snapshot().placements.find(model);
          placement != course_.snapshot().placements.end()) {
        placement->second.referenced = false;
      }
    }
  }

  void Do(const OpenStep& /*step*/) {
    EXPECT_EQ(now_ - down_since_, DocumentedDelay(attempts_)) << "after " << attempts_ << " attempts";
    course_.OpenBegins();
    ++attempts_;
    lies_ = false;
    absl::Status status = Pass(kOpenTime).value_or(absl::OkStatus());
    if (!present_) {
      status = absl::UnavailableError("it is not there");
    }
    if (!status.ok()) {
      ++failed_opens_;
      down_since_ = now_;
      course_.OpenFailed(now_);
      history_.Enter(course_.snapshot().state, status);
      return;
    }
    ++opens_;
    course_.Opened(now_);
    history_.Enter(DeviceState::kReady, absl::OkStatus());
  }

  void Do(const CompileStep& step) {
    const std::optional<absl::Status> struck = Pass(kLoadTime);
    if (struck || lies_ || step.name == "poison") {
      const absl::Status loss = struck  ? *struck
                                : lies_ ? absl::DataLossError("it computes something else")
                                        : WithLossKind(absl::UnavailableError("SIGSEGV"), LossKind::kCrash);
      crashed_loads_[step.name] += LossKindOf(loss) == LossKind::kGone ? 0 : 1;
      Lose(loss);
      JudgeLoad(step, loss, /*device_lost=*/true);
    } else if (step.name == "broken") {
      JudgeLoad(step, absl::InvalidArgumentError("its file is broken"), /*device_lost=*/false);
    } else {
      Prove();
      Place(step);
    }
  }

  void Place(const CompileStep& step) {
    crashes_in_a_row_.erase(step.generation);
    auto model = std::make_unique<EngineModel>();
    model->name = step.name;
    model->generation = step.generation;
    model->info.content_hash = "hash";
    const ModelHandle handle = table_.Adopt(std::move(model), [this](const EngineModel* last) {
      unreferenced_.push_back(last->generation);
      delete last;
    });
    DeviceSnapshot::Placement& placement = course_.snapshot().placements[step.generation] = {};
    auto published = handle == nullptr ? std::nullopt : table_.Publish(handle, {}, now_);
    if (!published) {  // It was unloaded meanwhile.
      placement.state = PlacementState::kReleased;
      return;
    }
    published->waiters.Complete(absl::OkStatus());
  }

  void Do(const WithdrawStep& step) {
    table_.Withdraw(step.generation);
    course_.snapshot().placements.at(step.generation).state = PlacementState::kReleased;
  }

  void Do(const DestroyStep& step) { course_.snapshot().placements.erase(step.generation); }

  void Do(const ProbeStep& /*step*/) {
    course_.Probed(now_);
    Prove();
    if (std::exchange(mended_, false)) {
      for (const auto& [model, stamps] : table_.Held()) {
        ++starts_[model.name];
        EXPECT_TRUE(table_.Renew(model.generation));
      }
    }
  }

  void Do(const CanaryStep& /*step*/) {
    course_.CanariesRan(now_);
    if (lies_) {
      Lose(absl::UnavailableError("the canary is wrong"));
    }
  }

  void Do(const WaitStep& step) {
    const Time until = step.until.value_or(Time::max());
    if (NextEvent() > until) {
      now_ = std::max(now_, until);
      return;
    }
    now_ = NextEvent();
    if (const auto loss = Happen(); loss && course_.snapshot().state == DeviceState::kReady) {
      Lose(*loss);
    }
  }

  void Prove() {
    course_.Proved();
    attempts_ = 0;
  }

  void Lose(const absl::Status& reason) {
    ++losses_;
    down_since_ = disturbed_ = now_;
    course_.Lost(reason, now_);
    history_.Enter(course_.snapshot().state, reason);
  }

  // Whose fault it is.

  void JudgeLoad(const CompileStep& step, const absl::Status& reason, bool device_lost) {
    const bool gone = LossKindOf(reason) == LossKind::kGone;
    const bool wanted = table_.Wants(step.generation);
    const bool guilty = wanted && (!device_lost || (!gone && ++crashes_in_a_row_[step.generation] >= 2));
    EXPECT_EQ(table_.BlamesLoad(step.generation, reason, device_lost), guilty) << step.name << ": " << reason;
    if (guilty) {
      if (device_lost) {
        suspected_.clear();
      }
      SetAside(step.generation, reason);
    }
  }

  void JudgeJob(ModelGeneration model) {
    const auto before = suspected_.find(model);
    const bool guilty = before != suspected_.end() && now_ - before->second <= std::chrono::minutes(10);
    suspected_[model] = now_;
    EXPECT_EQ(table_.BlamesJob(model, now_), guilty);
    if (guilty) {
      SetAside(model, absl::UnavailableError("two jobs"));
    }
  }

  void SetAside(ModelGeneration model, const absl::Status& reason) {
    crashes_in_a_row_.erase(model);
    suspected_.erase(model);
    auto failed = table_.MakeUnavailable(model, std::string(Message(reason)), {});
    ASSERT_TRUE(failed);
    ++times_unavailable_[failed->name];
    failed->waiters.Complete(reason);
  }

  // Chance.

  /// Lets time pass; ends with the first loss of the device.
  std::optional<absl::Status> Pass(Duration time) {
    for (const Time end = now_ + time;;) {
      if (NextEvent() > end) {
        now_ = end;
        return std::nullopt;
      }
      now_ = NextEvent();
      if (auto loss = Happen()) {
        return loss;
      }
    }
  }

  Time NextEvent() const {
    const Time deadline = table_.first_deadline().value_or(Time::max());
    return std::min({next_, present_ ? Time::max() : replug_at_, deadline});
  }

  /// What is due now; returns what it takes the device down with.
  std::optional<absl::Status> Happen() {
    ++events_;
    CheckThatAllServesAfterAQuietTime();
    for (auto& [name, waiters] : table_.TakeExpired(now_)) {
      waiters.Complete(absl::UnavailableError("not ready in time"));
    }
    if (!present_ && replug_at_ <= now_) {
      present_ = true;
      disturbed_ = now_;
    }
    if (next_ > now_) {
      return std::nullopt;
    }
    disturbed_ = now_;
    const auto chance =
        static_cast<Chance>(std::discrete_distribution(chances_.weights.begin(), chances_.weights.end())(random_));
    DrawNext();
    return Strike(chance);
  }

  std::optional<absl::Status> Strike(Chance chance) {
    const std::string& name = kNames[random_() % kNames.size()];
    switch (chance) {
      case Chance::kUnplug:
        return Unplug();
      case Chance::kCrash:
        return WithLossKind(absl::UnavailableError("SIGSEGV"), LossKind::kCrash);
      case Chance::kHang:
        return WithLossKind(absl::UnavailableError("it hangs"), LossKind::kUnresponsive);
      case Chance::kKill:
        return WithLossKind(absl::UnavailableError("SIGKILL"), LossKind::kKilled);
      case Chance::kLie:
        lies_ = true;
        return std::nullopt;
      case Chance::kPoisonedJob:
        return RunPoisonedJob();
      case Chance::kLoad:
        Load(name);
        return std::nullopt;
      case Chance::kUnload:
        if (auto load = table_.Remove(name)) {
          load->waiters.Complete(absl::UnavailableError("unloaded"));
        }
        return std::nullopt;
      case Chance::kMend:
        mended_ = true;
        return std::nullopt;
    }
    return std::nullopt;
  }

  /// From a second to hours.
  std::optional<absl::Status> Unplug() {
    if (!present_) {
      return std::nullopt;
    }
    const double seconds = std::exp2(std::uniform_real_distribution<double>(0, 14)(random_));
    replug_at_ = now_ + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
    absent_ += replug_at_ - now_;
    ++absences_;
    present_ = false;
    return absl::UnavailableError("unplugged");
  }

  std::optional<absl::Status> RunPoisonedJob() {
    const auto routing = table_.routing();
    const auto touchy = routing->find("touchy");
    if (course_.snapshot().state != DeviceState::kReady || touchy == routing->end() ||
        !course_.snapshot().placements.contains(touchy->second->generation)) {
      return std::nullopt;
    }
    JudgeJob(touchy->second->generation);
    return WithLossKind(absl::UnavailableError("SIGSEGV"), LossKind::kCrash);
  }

  void DrawNext() {
    const double mean = std::chrono::duration<double>(chances_.mean).count();
    next_ = now_ + std::chrono::duration_cast<Duration>(
                       std::chrono::duration<double>(std::exponential_distribution<double>(1 / mean)(random_)));
  }

  /// A device that works again serves again within its backoff: each model, but those that are set aside.
  void CheckThatAllServesAfterAQuietTime() {
    const Duration quiet = kLongestBackoff + kOpenTime + 2 * kLoadTime * static_cast<int>(kNames.size());
    if (!present_ || lies_ || now_ - disturbed_ < quiet) {
      return;
    }
    ++quiet_checks_;
    EXPECT_EQ(course_.snapshot().state, DeviceState::kReady);
    for (const ModelStatus& model : table_.List()) {
      EXPECT_NE(model.state, ModelState::kLoading) << model.name;
      EXPECT_EQ(model.state == ModelState::kReady, table_.routing()->contains(model.name)) << model.name;
      EXPECT_EQ(model.state == ModelState::kUnavailable, !model.reason.empty()) << model.name;
      EXPECT_TRUE(model.state == ModelState::kReady || times_unavailable_[model.name] > 0) << model.name;
    }
  }

  static Duration DocumentedDelay(int attempts) {
    constexpr std::array<int, 11> kMilliseconds = {0, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000};
    return std::chrono::milliseconds(attempts > 10 ? 60'000 : kMilliseconds[static_cast<std::size_t>(attempts)]);
  }

  inline static const std::array<std::string, 6> kNames = {"sound",  "sound too", "sound three",
                                                           "touchy", "broken",    "poison"};

  std::mt19937_64 random_;
  const Chances chances_;
  Time now_{std::chrono::hours(1)};
  Time next_{};  ///< When chance strikes.

  LoadTable table_;
  DeviceCourse course_{{.probe_interval = std::chrono::seconds(10), .canary_interval = std::chrono::seconds(60)}};
  DeviceHistory history_{"simulated"};
  std::vector<ModelGeneration> unreferenced_;

  bool present_ = true;
  Time replug_at_{};
  bool lies_ = false;    ///< Until it is opened again.
  bool mended_ = false;  ///< Files of models were changed.

  // What the checks know.
  int attempts_ = 0;  ///< To open it, since it proved that it works.
  Time down_since_ = now_;
  Time disturbed_ = now_;
  std::map<ModelGeneration, int> crashes_in_a_row_;
  std::map<ModelGeneration, Time> suspected_;
  std::uint64_t events_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t answers_ = 0;
  int losses_ = 0;
  int opens_ = 0;
  int failed_opens_ = 0;
  int absences_ = 0;
  int quiet_checks_ = 0;
  Duration absent_{};
  std::map<std::string, int> starts_;
  std::map<std::string, int> crashed_loads_;
  std::map<std::string, int> times_unavailable_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_POLICY_WORLD_H_
