#ifndef ACCELERD_ENGINE_POLICY_WORLD_H_
#define ACCELERD_ENGINE_POLICY_WORLD_H_

/// \file
/// For the simulation of weeks: a device, its models and its clients without threads and without waiting.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/device_course.h"
#include "engine/device_history.h"
#include "engine/load_table.h"
#include "engine/policy_chance.h"
#include "gtest/gtest.h"

namespace accelerd {

/// Lets the policy (LoadTable, DeviceCourse, NextAction) drive a device that exists by chance alone, and checks every
/// step against what the documents promise. Models are named after what they are: "sound", "broken" (does not load),
/// "poison" (takes the device down when it is loaded), "touchy" (some of its jobs take it down).
class PolicyWorld {
 public:
  PolicyWorld(std::uint64_t seed, const Chances& chances) : chance_(seed, chances, now_) {}

  void Load(const std::string& name, bool pinned = false) {
    Done<> done = [this, due = now_ + kPatience](const absl::Status& /*status*/) {
      EXPECT_LE(now_, due) << "a caller waits no longer than it wants to";
      ++answers_;
    };
    ++calls_;
    pinned_ = pinned_ || pinned;
    const LoadRequest request = {.name = name,
                                 .files = {.main = "/" + name + ".xml", .card = ""},
                                 .pinned = pinned,
                                 .deadline = now_ + kPatience};
    LoadTable::Begun begun = table_.Begin(request, done);
    if (begun.serving) {  // Its files changed.
      begun = table_.Replace(request, *begun.serving, done);
      tally_.replacements += begun.starts ? 1 : 0;
    } else if (begun.starts) {
      given_another_try_.erase(name);
    }
    if (begun.starts) {
      ++tally_.starts[name];
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

  /// What happened.
  struct Tally {
    std::uint64_t events = 0;
    int losses = 0;
    int opens = 0;
    int failed_opens = 0;
    int absences = 0;
    Duration absent{};
    int quiet_checks = 0;
    int replacements = 0;
    std::map<std::string, int> starts;
    std::map<std::string, int> crashed_loads;
    std::map<std::string, int> times_unavailable;
  };
  Tally& tally() { return tally_; }
  DeviceStatus device() const { return history_.status(); }

 private:
  static constexpr DeviceId kDevice{0};
  static constexpr std::chrono::minutes kPatience{5};
  static constexpr std::chrono::milliseconds kOpenTime{300};
  static constexpr std::chrono::seconds kLoadTime{1};
  static constexpr std::chrono::seconds kLongestBackoff{60};

  // The device's thread, as Device carries it out.

  void Drive() {
    ++tally_.events;
    ReadMail();
    const Step step = table_.NextStep(course_.snapshot(), kDevice, now_);
    if (const auto* const wait = std::get_if<WaitStep>(&step);
        wait != nullptr && course_.snapshot().state != DeviceState::kReady) {
      ASSERT_TRUE(wait->until) << "the device is given up";
      EXPECT_LE(*wait->until - now_, kLongestBackoff);
    }
    EXPECT_LE(course_.snapshot().placements.size(), 2 * kNames.size());
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
      ++tally_.failed_opens;
      down_since_ = now_;
      course_.OpenFailed(now_);
      history_.Enter(course_.snapshot().state, status);
      away_ = away_ || left_;
      return;
    }
    ++tally_.opens;
    course_.Opened(now_);
    history_.Enter(DeviceState::kReady, absl::OkStatus());
    left_ = works_ = false;
    if (std::exchange(away_, false)) {
      for (const std::string& name : table_.DeviceReturned()) {
        ++tally_.starts[name];
        given_another_try_.insert(name);
      }
    }
  }

  void Do(const CompileStep& step) {
    const std::optional<absl::Status> struck = Pass(kLoadTime);
    if (struck || lies_ || step.name == "poison") {
      const absl::Status loss = struck  ? *struck
                                : lies_ ? absl::DataLossError("it computes something else")
                                        : WithLossKind(absl::UnavailableError("SIGSEGV"), LossKind::kCrash);
      tally_.crashed_loads[step.name] += LossKindOf(loss) == LossKind::kGone ? 0 : 1;
      Lose(loss);
      JudgeLoad(step, loss, /*device_lost=*/true);
    } else if (step.name == "broken") {
      JudgeLoad(step, absl::InvalidArgumentError("its file is broken"), /*device_lost=*/false);
    } else {
      Prove();
      works_ = true;
      Place(step);
    }
  }

  void Place(const CompileStep& step) {
    blame_.erase(step.generation);
    given_another_try_.erase(step.name);
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
      for (const LoadTable::Stamped& model : table_.Held()) {
        ++tally_.starts[model.name];
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
      left_ = true;
      Lose(*loss);
    }
  }

  void Prove() {
    course_.Proved();
    attempts_ = 0;
  }

  void Lose(const absl::Status& reason) {
    ++tally_.losses;
    down_since_ = disturbed_ = now_;
    course_.Lost(reason, now_);
    history_.Enter(course_.snapshot().state, reason);
  }

  // Whose fault it is.

  void JudgeLoad(const CompileStep& step, const absl::Status& reason, bool device_lost) {
    const bool gone = LossKindOf(reason) == LossKind::kGone;
    const bool wanted = table_.Wants(step.generation);
    const auto [blamed, first] = blame_.try_emplace(step.generation);
    Blame& blame = blamed->second;
    if (wanted && device_lost) {
      const bool counts = !absl::IsDataLoss(reason) || works_;
      blame.losses += (first && given_another_try_.contains(step.name) ? 2 : 0) + (counts ? 1 : 0);
      blame.crashes += gone ? 0 : 1;
    }
    const bool hung = LossKindOf(reason) == LossKind::kUnresponsive && !pinned_ && step.restores == nullptr;
    const bool guilty = wanted && (!device_lost || hung || blame.losses >= 3 || blame.crashes >= 2);
    EXPECT_EQ(table_.BlamesLoad(
                  {.model = step.generation, .reason = reason, .others_work = works_, .device_lost = device_lost}),
              guilty)
        << step.name << ": " << reason;
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
    suspected_.erase(model);
    blame_.erase(model);
    auto failed = table_.MakeUnavailable(model, std::string(Message(reason)), {});
    ASSERT_TRUE(failed);
    ++tally_.times_unavailable[failed->name];
    given_another_try_.erase(failed->name);
    if (failed->was_replacement) {
      EXPECT_TRUE(table_.routing()->contains(failed->name)) << "what served serves on";
    }
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
    return std::min({chance_.next(), present_ ? Time::max() : replug_at_, deadline});
  }

  /// What is due now; returns what it takes the device down with.
  std::optional<absl::Status> Happen() {
    ++tally_.events;
    CheckThatAllServesAfterAQuietTime();
    for (auto& [name, waiters] : table_.TakeExpired(now_)) {
      waiters.Complete(absl::UnavailableError("not ready in time"));
    }
    if (!present_ && replug_at_ <= now_) {
      present_ = true;
      disturbed_ = now_;
    }
    if (chance_.next() > now_) {
      return std::nullopt;
    }
    disturbed_ = now_;
    return Strike(chance_.Draw(now_));
  }

  std::optional<absl::Status> Strike(Chance chance) {
    const std::string& name = chance_.AnyOf(kNames);
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
        given_another_try_.erase(name);
        for (LoadProgress& load : table_.Remove(name)) {
          load.waiters.Complete(absl::UnavailableError("unloaded"));
        }
        return std::nullopt;
      case Chance::kMend:
        mended_ = true;
        return std::nullopt;
    }
    return std::nullopt;
  }

  std::optional<absl::Status> Unplug() {
    if (!present_) {
      return std::nullopt;
    }
    replug_at_ = now_ + chance_.Absence();
    tally_.absent += replug_at_ - now_;
    ++tally_.absences;
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

  /// A device that works again serves again within its backoff: each model, but those that are set aside.
  void CheckThatAllServesAfterAQuietTime() {
    const Duration quiet = kLongestBackoff + kOpenTime + 2 * kLoadTime * static_cast<int>(kNames.size());
    if (!present_ || lies_ || now_ - disturbed_ < quiet) {
      return;
    }
    ++tally_.quiet_checks;
    EXPECT_EQ(course_.snapshot().state, DeviceState::kReady);
    for (const ModelStatus& model : table_.List(history_.status())) {
      EXPECT_NE(model.state, ModelState::kLoading) << model.name;
      EXPECT_EQ(model.state == ModelState::kReady, table_.routing()->contains(model.name)) << model.name;
      EXPECT_EQ(model.loaded, table_.routing()->contains(model.name)) << model.name;
      EXPECT_EQ(model.state == ModelState::kUnavailable, !model.reason.empty()) << model.name;
      EXPECT_TRUE(model.state == ModelState::kReady || tally_.times_unavailable[model.name] > 0) << model.name;
    }
  }

  static Duration DocumentedDelay(int attempts) {
    constexpr std::array<int, 11> kMilliseconds = {0, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000};
    return std::chrono::milliseconds(attempts > 10 ? 60'000 : kMilliseconds[static_cast<std::size_t>(attempts)]);
  }

  inline static const std::array<std::string, 6> kNames = {"sound",  "sound too", "sound three",
                                                           "touchy", "broken",    "poison"};

  Time now_{std::chrono::hours(1)};
  ChanceSource chance_;

  std::vector<ModelGeneration> unreferenced_;  // Before the table, whose last handles add to it.
  LoadTable table_;
  DeviceCourse course_{{.probe_interval = std::chrono::seconds(10), .canary_interval = std::chrono::seconds(60)}};
  DeviceHistory history_{"simulated"};

  bool present_ = true;
  Time replug_at_{};
  bool left_ = false;    ///< It is lost, and no load was under way.
  bool away_ = false;    ///< It could not be opened since then.
  bool works_ = false;   ///< A model was loaded with success since it was opened.
  bool lies_ = false;    ///< Until it is opened again.
  bool mended_ = false;  ///< Files of models were changed.

  Tally tally_;

  // What the checks know.
  int attempts_ = 0;  ///< To open it, since it proved that it works.
  Time down_since_ = now_;
  Time disturbed_ = now_;
  struct Blame {
    int losses = 0;   ///< Losses of the device during loads, in a row.
    int crashes = 0;  ///< Those of the losses that were crashes, hangs or kills.
  };
  std::map<ModelGeneration, Blame> blame_;
  std::set<std::string> given_another_try_;
  bool pinned_ = false;
  std::map<ModelGeneration, Time> suspected_;
  std::uint64_t calls_ = 0;
  std::uint64_t answers_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_POLICY_WORLD_H_
