#include "model/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxValues = std::size_t{256} << 10U;

absl::Status NotYaml(std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("it cannot be read as YAML: {}", why));
}

/// Turns the events of libyaml into values. Does not call itself, whatever the document holds.
class Reader {
 public:
  explicit Reader(std::string_view text) {
    initialized_ = yaml_parser_initialize(&parser_) == 1;
    if (initialized_) {
      yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
  }
  ~Reader() {
    if (initialized_) {
      yaml_parser_delete(&parser_);
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  absl::StatusOr<Yaml> Read() {
    if (!initialized_) {
      return absl::ResourceExhaustedError("no memory to read YAML");
    }
    Yaml root;
    bool done = false;
    while (!done) {
      yaml_event_t event;
      if (yaml_parser_parse(&parser_, &event) == 0) {
        return NotYaml(fmt::format("line {}: {}", parser_.problem_mark.line + 1,
                                   parser_.problem == nullptr ? "no reason given" : parser_.problem));
      }
      const absl::Status status = Take(event, root, done);
      yaml_event_delete(&event);
      ACCELERD_RETURN_IF_ERROR(status);
    }
    return root;
  }

 private:
  /// `done` is set when the first document is complete.
  absl::Status Take(const yaml_event_t& event, Yaml& root, bool& done) {
    switch (event.type) {
      case YAML_ALIAS_EVENT:
        return NotYaml("it has an alias");
      case YAML_SCALAR_EVENT:
        return TakeScalar({reinterpret_cast<const char*>(event.data.scalar.value), event.data.scalar.length}, root);
      case YAML_SEQUENCE_START_EVENT:
        return Open(Yaml::Kind::kSequence, root);
      case YAML_MAPPING_START_EVENT:
        return Open(Yaml::Kind::kMapping, root);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        open_.pop_back();
        return absl::OkStatus();
      case YAML_DOCUMENT_END_EVENT:
      case YAML_STREAM_END_EVENT:
        done = true;
        return absl::OkStatus();
      default:
        return absl::OkStatus();
    }
  }

  absl::Status TakeScalar(std::string text, Yaml& root) {
    if (!open_.empty() && open_.back().value->kind == Yaml::Kind::kMapping && !open_.back().key_taken) {
      open_.back().value->names.push_back(std::move(text));
      open_.back().key_taken = true;
      return absl::OkStatus();
    }
    ACCELERD_ASSIGN_OR_RETURN(Yaml * value, Place(root));
    value->scalar = std::move(text);
    return absl::OkStatus();
  }

  absl::Status Open(Yaml::Kind kind, Yaml& root) {
    if (open_.size() >= kMaxDepth) {
      return NotYaml(fmt::format("it is nested deeper than {} levels", kMaxDepth));
    }
    if (!open_.empty() && open_.back().value->kind == Yaml::Kind::kMapping && !open_.back().key_taken) {
      return NotYaml("a key is not a plain text");
    }
    ACCELERD_ASSIGN_OR_RETURN(Yaml * value, Place(root));
    value->kind = kind;
    open_.push_back({value, false});
    return absl::OkStatus();
  }

  /// Where the next value belongs.
  absl::StatusOr<Yaml*> Place(Yaml& root) {
    if (++values_ > kMaxValues) {
      return NotYaml(fmt::format("it has more than {} values", kMaxValues));
    }
    if (open_.empty()) {
      return &root;
    }
    Level& level = open_.back();
    level.key_taken = false;
    return &level.value->items.emplace_back();
  }

  /// A sequence or mapping that is not complete. No value is added to those around it meanwhile, so it stays in place.
  struct Level {
    Yaml* value;
    bool key_taken;  ///< True if the last name of a mapping has no item yet.
  };

  yaml_parser_t parser_{};
  bool initialized_ = false;
  std::vector<Level> open_;
  std::size_t values_ = 0;
};

}  // namespace

const Yaml* Yaml::Find(std::string_view name) const {
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? nullptr : &items[static_cast<std::size_t>(found - names.begin())];
}

std::string Yaml::ToText() const {
  if (kind == Kind::kScalar) {
    return scalar;
  }
  std::string text(kind == Kind::kSequence ? "[" : "{");
  for (std::size_t i = 0; i < items.size(); ++i) {
    text += i > 0 ? ", " : "";
    text += kind == Kind::kMapping ? fmt::format("{}: ", names[i]) : std::string();
    text += items[i].ToText();
  }
  return text + (kind == Kind::kSequence ? "]" : "}");
}

absl::StatusOr<Yaml> ParseYaml(std::string_view text) {
  return Reader(text).Read();
}

}  // namespace accelerd
