#include "backend/openvino/ir_scan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include "fmt/core.h"

namespace accelerd::openvino {
namespace {

constexpr int kMaxDepth = 64;
constexpr int kMaxRtInfoDepth = 16;
constexpr std::size_t kMaxRtInfoBytes = std::size_t{16} << 20U;
constexpr std::size_t kMaxElements = std::size_t{4} << 20U;
constexpr std::size_t kMaxLayers = std::size_t{256} << 10U;

constexpr std::string_view kSpace = " \t\r\n";

absl::Status TooLarge(std::string_view what, std::size_t limit) {
  return absl::InvalidArgumentError(fmt::format("{}; the limit is {}", what, limit));
}

/// The attributes of one start tag, in their order.
class Attributes {
 public:
  explicit Attributes(std::string_view text) : rest_(text) {}

  /// Moves to the next attribute. False at the end, and where the text is none.
  bool Next() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpace), rest_.size()));
    const std::size_t equals = rest_.find('=');
    const std::size_t open = equals == std::string_view::npos ? equals : rest_.find_first_of("\"'", equals);
    const std::size_t close = open == std::string_view::npos ? open : rest_.find(rest_[open], open + 1);
    if (close == std::string_view::npos) {
      return false;
    }
    name_ = rest_.substr(0, std::min(equals, rest_.find_first_of(kSpace)));
    value_ = rest_.substr(open + 1, close - open - 1);
    rest_.remove_prefix(close + 1);
    return true;
  }

  std::string_view name() const { return name_; }
  std::string_view value() const { return value_; }

 private:
  std::string_view rest_;
  std::string_view name_;
  std::string_view value_;
};

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::optional<int> VersionOf(std::string_view attributes_text) {
  for (Attributes attributes(attributes_text); attributes.Next();) {
    if (attributes.name() == "version") {
      return ParseNumber<int>(attributes.value());
    }
  }
  return std::nullopt;
}

/// Where the constant of a `data` element ends in the weights; 0 when it describes none.
std::uint64_t EndOfConstant(std::string_view attributes_text) {
  std::optional<std::uint64_t> offset;
  std::optional<std::uint64_t> size;
  bool typed = false;
  for (Attributes attributes(attributes_text); attributes.Next();) {
    if (attributes.name() == "offset") {
      offset = ParseNumber<std::uint64_t>(attributes.value());
    } else if (attributes.name() == "size") {
      size = ParseNumber<std::uint64_t>(attributes.value());
    }
    typed = typed || attributes.name() == "element_type";
  }
  if (!typed || !offset || !size) {
    return 0;
  }
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  return *offset > kMost - *size ? kMost : *offset + *size;
}

/// The text that an attribute's value stands for. What is no known reference stays as it is.
std::string Unescape(std::string_view value) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kEntities = {
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};
  std::string text;
  while (!value.empty()) {
    const auto* entity = std::ranges::find_if(
        kEntities, [&](const std::pair<std::string_view, char>& known) { return value.starts_with(known.first); });
    if (entity != kEntities.end()) {
      text += entity->second;
      value.remove_prefix(entity->first.size());
      continue;
    }
    // Control characters are written as numbers, such as &#10;.
    const std::size_t end = value.starts_with("&#") ? value.find(';') : std::string_view::npos;
    const std::optional<int> code =
        end == std::string_view::npos ? std::nullopt : ParseNumber<int>(value.substr(2, end - 2));
    constexpr int kAsciiEnd = 128;
    const bool decoded = code && *code > 0 && *code < kAsciiEnd;
    text += decoded ? static_cast<char>(*code) : value.front();
    value.remove_prefix(decoded ? end + 1 : 1);
  }
  return text;
}

class Scanner {
 public:
  explicit Scanner(std::string_view xml) : xml_(xml) {}

  absl::StatusOr<IrFacts> Scan() {
    if (xml_.find('\0') != std::string_view::npos) {
      return absl::InvalidArgumentError("the XML holds a NUL byte: it is not UTF-8");
    }
    while ((at_ = xml_.find('<', at_)) != std::string_view::npos) {
      const std::string_view rest = xml_.substr(at_);
      if (rest.starts_with("<!--")) {
        SkipBehind("-->");
      } else if (rest.starts_with("<![CDATA[")) {
        SkipBehind("]]>");
      } else if (rest.starts_with("<?")) {
        SkipBehind("?>");
      } else if (rest.starts_with("<!")) {
        return absl::InvalidArgumentError("the XML has a document type, which no IR has");
      } else if (rest.starts_with("</")) {
        CloseElement();
      } else {
        ACCELERD_RETURN_IF_ERROR(OpenElement());
      }
    }
    return facts_;
  }

 private:
  void SkipBehind(std::string_view end) {
    const std::size_t found = xml_.find(end, at_);
    at_ = found == std::string_view::npos ? xml_.size() : found + end.size();
  }

  /// The rest of the tag that begins at at_, without its brackets; moves behind it. A '>' in quotes belongs to it.
  std::string_view TakeTag(std::size_t bracket) {
    const std::size_t begin = at_ + bracket;
    std::size_t end = begin;
    while (end < xml_.size() && xml_[end] != '>') {
      const char c = xml_[end];
      const std::size_t close = c == '"' || c == '\'' ? xml_.find(c, end + 1) : end;
      end = close == std::string_view::npos ? xml_.size() : close + 1;
    }
    at_ = std::min(end + 1, xml_.size());
    return xml_.substr(begin, std::min(end, xml_.size()) - begin);
  }

  void CloseElement() {
    const std::string_view tag = TakeTag(2);
    Leave(tag.substr(0, tag.find_first_of(kSpace)));
  }

  void Leave(std::string_view name) {
    --depth_;
    graphs_ -= name == "layers" ? 1 : 0;
    if (depth_ < rt_info_depth_) {
      rt_info_bytes_ += at_ - rt_info_begin_;
      rt_info_depth_ = kNotInside;
    }
  }

  absl::Status OpenElement() {
    const std::size_t begin = at_;
    std::string_view tag = TakeTag(1);
    const bool closed = tag.ends_with('/');
    tag.remove_suffix(closed ? 1 : 0);
    const std::string_view name = tag.substr(0, tag.find_first_of(kSpace));
    const std::string_view attributes = tag.substr(name.size());
    ++depth_;
    Note(name, attributes);
    if (name == "rt_info" && rt_info_depth_ == kNotInside) {
      rt_info_depth_ = depth_;
      rt_info_begin_ = begin;
    }
    ACCELERD_RETURN_IF_ERROR(CheckBounds());
    if (closed) {
      Leave(name);
    }
    return absl::OkStatus();
  }

  void Note(std::string_view name, std::string_view attributes) {
    ++elements_;
    if (name == "net" && depth_ == 1) {
      facts_.version = VersionOf(attributes);
    } else if (name == "layers") {
      ++graphs_;
    } else if (name == "layer") {
      ++layers_;
    } else if (name == "data") {
      facts_.weights_bytes = std::max(facts_.weights_bytes, EndOfConstant(attributes));
    }
    NoteRtInfo(name, attributes);
  }

  /// Keeps the members of the sections that say something about the model's use: net/rt_info/SECTION/MEMBER.
  void NoteRtInfo(std::string_view name, std::string_view attributes_text) {
    constexpr int kMemberDepth = 4;
    if (depth_ == kMemberDepth - 2) {
      parent_ = name;
    } else if (depth_ == kMemberDepth - 1) {
      section_ = SectionOf(name);
    }
    if (depth_ != kMemberDepth || section_ == nullptr) {
      return;
    }
    for (Attributes attributes(attributes_text); attributes.Next();) {
      if (attributes.name() == "value") {
        section_->emplace(name, Unescape(attributes.value()));
      }
    }
  }

  std::map<std::string, std::string>* SectionOf(std::string_view name) {
    if (parent_ == "meta_data") {
      return name == "cli_parameters" ? &facts_.conversion : nullptr;
    }
    if (parent_ != "rt_info") {
      return nullptr;
    }
    return name == "model_info"              ? &facts_.model_info
           : name == "framework"             ? &facts_.framework
           : name == "conversion_parameters" ? &facts_.conversion
                                             : nullptr;
  }

  absl::Status CheckBounds() const {
    if (depth_ > kMaxDepth) {
      return TooLarge("its elements are nested too deeply", kMaxDepth);
    }
    if (graphs_ > kMaxNestedGraphs + 1) {
      return TooLarge("its graphs are nested too deeply", kMaxNestedGraphs);
    }
    if (rt_info_depth_ != kNotInside && depth_ - rt_info_depth_ > kMaxRtInfoDepth) {
      return TooLarge("its rt_info is nested too deeply", kMaxRtInfoDepth);
    }
    if (rt_info_bytes_ + (rt_info_depth_ != kNotInside ? at_ - rt_info_begin_ : 0) > kMaxRtInfoBytes) {
      return TooLarge("its rt_info has too many bytes", kMaxRtInfoBytes);
    }
    if (elements_ > kMaxElements) {
      return TooLarge("it has too many elements", kMaxElements);
    }
    return layers_ > kMaxLayers ? TooLarge("it has too many layers", kMaxLayers) : absl::OkStatus();
  }

  static constexpr int kNotInside = std::numeric_limits<int>::min();

  std::string_view xml_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int graphs_ = 0;                  ///< Elements `layers` that are open.
  int rt_info_depth_ = kNotInside;  ///< Depth of the outermost rt_info that is open.
  std::size_t rt_info_begin_ = 0;   ///< Where that one begins.
  std::size_t rt_info_bytes_ = 0;   ///< Bytes of the rt_info elements that are closed.
  std::size_t elements_ = 0;
  std::size_t layers_ = 0;
  IrFacts facts_;
  std::string_view parent_;                                ///< The last element just beneath the root.
  std::map<std::string, std::string>* section_ = nullptr;  ///< Where the members of the last section beneath it go.
};

}  // namespace

absl::StatusOr<IrFacts> ScanIr(std::string_view xml) {
  return Scanner(xml).Scan();
}

}  // namespace accelerd::openvino
