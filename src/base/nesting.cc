#include "base/nesting.h"

#include <algorithm>
#include <cstddef>

#include "fmt/core.h"

namespace accelerd {
namespace {

/// Follows a TOML document token by token, as far as strings and comments can hide brackets and dots.
class TomlScanner {
 public:
  explicit TomlScanner(std::string_view text) : text_(text) {}

  absl::Status Check() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '"' || c == '\'') {
        SkipString(c);
      } else {
        ++at_;
        Count(c);
        if (depth_ > kMaxNesting) {
          return Refusal("arrays and inline tables are nested deeper than {} levels");
        }
        // A number, a date and a key part have one dot between two delimiters at most.
        if (dots_ >= kMaxNesting) {
          return Refusal("a key has more than {} parts");
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  void Count(char c) {
    switch (c) {
      case '.':
        ++dots_;
        break;
      case '[':
      case '{':
        ++depth_;
        dots_ = 0;
        break;
      case ']':
      case '}':
        depth_ -= depth_ > 0 ? 1 : 0;
        dots_ = 0;
        break;
      case '\n':
        ++line_;
        dots_ = 0;
        break;
      case '=':
      case ',':
        dots_ = 0;
        break;
      default:
        break;
    }
  }

  /// Moves behind the string that begins here. A string of one line that is not closed ends with its line, where the
  /// parser gives up.
  void SkipString(char quote) {
    const bool multi_line = text_.size() - at_ >= 3 && text_[at_ + 1] == quote && text_[at_ + 2] == quote;
    for (at_ += multi_line ? 3 : 1; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') {
        if (!multi_line) {
          return;
        }
        ++line_;
      } else if (c == '\\' && quote == '"') {
        ++at_;
        line_ += at_ < text_.size() && text_[at_] == '\n' ? 1 : 0;
      } else if (c == quote && SkipClosing(quote, multi_line)) {
        return;
      }
    }
  }

  /// Whether the string ends here; moves behind its end or onto the last of its quotes. Up to two quotes before the
  /// three that close a string of several lines belong to it.
  bool SkipClosing(char quote, bool multi_line) {
    std::size_t quotes = 1;
    while (multi_line && quotes < 5 && at_ + quotes < text_.size() && text_[at_ + quotes] == quote) {
      ++quotes;
    }
    const bool closes = !multi_line || quotes >= 3;
    at_ += closes ? quotes : quotes - 1;
    return closes;
  }

  absl::Status Refusal(fmt::format_string<const int&> what) const {
    return absl::InvalidArgumentError(fmt::format("{}: {}", line_, fmt::format(what, kMaxNesting)));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  int depth_ = 0;
  int dots_ = 0;
};

}  // namespace

absl::Status CheckJsonNesting(std::string_view text, int max_depth) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) {
        return absl::InvalidArgumentError(fmt::format("the JSON is nested deeper than {} levels", max_depth));
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTomlNesting(std::string_view text) {
  return TomlScanner(text).Check();
}

}  // namespace accelerd
