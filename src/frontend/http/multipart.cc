#include "frontend/http/multipart.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "fmt/core.h"
#include "frontend/http/delimiter_search.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxParts = 64;
constexpr std::size_t kMaxHeaderBytes = 8 << 10;
constexpr std::size_t kMaxBoundary = 70;  // RFC 2046, 5.1.1.
// Lines that begin like a delimiter and go on differently. No sender chooses a boundary with which there are any.
constexpr int kMaxFalseDelimiters = 1000;
constexpr std::size_t kMaxShownName = 40;
constexpr std::size_t kMaxShownNames = 8;

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), absl::ascii_tolower);
  return lower;
}

/// How quoted strings use backslashes. Only \" and \\ are escapes: browsers send Windows paths with plain backslashes.
enum class Backslash { kEscapes, kPlain };

/// The content of a quoted string that begins after its opening quote; `text` goes on behind the closing one.
std::optional<std::string> TakeQuoted(std::string_view& text, Backslash backslash) {
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    if (backslash == Backslash::kEscapes && text[i] == '\\' && i + 1 < text.size() &&
        (text[i + 1] == '"' || text[i + 1] == '\\')) {
      ++i;
    }
    value.push_back(text[i]);
  }
  return std::nullopt;
}

/// The value at the start of `text`, which goes on at the next ';' or is empty then. nullopt: malformed.
std::optional<std::string> TakeValue(std::string_view& text, Backslash backslash) {
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find(';'), text.size());
    std::string value(Trim(text.substr(0, end)));
    text.remove_prefix(end);
    return value;
  }
  text.remove_prefix(1);
  auto value = TakeQuoted(text, backslash);
  text = Trim(text);
  return text.empty() || text.starts_with(';') ? std::move(value) : std::nullopt;
}

using ParameterMap = std::map<std::string, std::string>;

std::optional<ParameterMap> ParametersWith(std::string_view value, Backslash backslash) {
  ParameterMap parameters;
  value.remove_prefix(std::min(value.find(';'), value.size()));
  while (!value.empty()) {
    value.remove_prefix(1);
    const std::size_t name_end = std::min(value.find_first_of("=;"), value.size());
    std::string name = Lower(Trim(value.substr(0, name_end)));
    value.remove_prefix(name_end);
    if (value.empty() || value.front() == ';') {
      continue;  // A word without a value says nothing to us.
    }
    value = Trim(value.substr(1));
    auto content = TakeValue(value, backslash);
    if (!content) {
      return std::nullopt;
    }
    parameters.emplace(std::move(name), *std::move(content));
  }
  return parameters;
}

/// The parameters behind the first ';' of a header's value, names in lower case, the first of a name counts. nullopt:
/// malformed.
std::optional<ParameterMap> Parameters(std::string_view value) {
  auto parameters = ParametersWith(value, Backslash::kEscapes);
  // filename="C:\dir\" makes sense without escapes alone.
  return parameters ? parameters : ParametersWith(value, Backslash::kPlain);
}

absl::StatusOr<std::string> Boundary(std::string_view content_type, std::span<const std::byte> body) {
  const auto parameters = Parameters(content_type);
  const auto boundary = parameters ? parameters->find("boundary") : ParameterMap::const_iterator();
  if (!parameters || boundary == parameters->end()) {
    // A Content-Type that was set by hand often lacks the boundary.
    if (const auto shown = BoundaryOfBody(body)) {
      return std::string(*shown);
    }
    return absl::InvalidArgumentError(
        "multipart/form-data needs a boundary in its Content-Type; HTTP libraries set it if you leave that header out");
  }
  if (boundary->second.empty() || boundary->second.size() > kMaxBoundary) {
    return absl::InvalidArgumentError(fmt::format("the multipart boundary has {} characters; 1 to {} are allowed",
                                                  boundary->second.size(), kMaxBoundary));
  }
  return boundary->second;
}

struct Delimiter {
  std::size_t begin = 0;  ///< Of the line break before it: the end of the part before.
  std::size_t end = 0;    ///< Behind its own line.
  bool last = false;
};

/// Walks over the delimiter lines of a body.
class Delimiters {
 public:
  Delimiters(std::string_view body, const std::string& boundary)
      : body_(body), needle_(fmt::format("\r\n--{}", boundary)) {}

  /// Returns the first delimiter at or behind `from`; nullopt if there is none, or if too many lines only begin like
  /// one. The very first delimiter has no line break before it.
  std::optional<Delimiter> Next(std::size_t from) const {
    const std::string_view dash_boundary = std::string_view(needle_).substr(2);
    if (from == 0 && body_.starts_with(dash_boundary)) {
      if (auto delimiter = Judge(0, dash_boundary.size())) {
        return delimiter;
      }
    }
    for (int i = 0; i < kMaxFalseDelimiters; ++i) {
      const std::size_t begin = FindDelimiter(body_, from, needle_);
      if (begin == std::string_view::npos) {
        break;
      }
      if (auto delimiter = Judge(begin, begin + needle_.size())) {
        return delimiter;
      }
      from = begin + needle_.size();
    }
    return std::nullopt;
  }

 private:
  /// A boundary counts when its line holds nothing else than "--" and white space; else it begins a longer text.
  std::optional<Delimiter> Judge(std::size_t begin, std::size_t end) const {
    if (body_.substr(end).starts_with("--")) {
      return Delimiter{begin, end + 2, true};
    }
    const std::size_t line_end = body_.find_first_not_of(" \t", end);
    if (line_end == std::string_view::npos || !body_.substr(line_end).starts_with("\r\n")) {
      return std::nullopt;
    }
    return Delimiter{begin, line_end + 2, false};
  }

  std::string_view body_;
  std::string needle_;
};

/// A header with each line that goes on in the next one (RFC 5322, 2.2.3) made whole.
std::string Unfold(std::string_view header) {
  std::string unfolded;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const std::string_view rest = header.substr(i);
    if (rest.starts_with("\r\n ") || rest.starts_with("\r\n\t")) {
      ++i;
    } else {
      unfolded.push_back(header[i]);
    }
  }
  return unfolded;
}

/// Reads the lines of a part's header into `part`.
absl::Status ParsePartHeader(std::string_view text, FormPart& part) {
  const std::string unfolded = Unfold(text);
  std::string_view header = unfolded;
  bool named = false;
  while (!header.empty()) {
    const std::size_t line_end = header.find("\r\n");
    const std::string_view line = header.substr(0, line_end);
    header.remove_prefix(line_end == std::string_view::npos ? header.size() : line_end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return absl::InvalidArgumentError("a header line of a multipart part has no colon");
    }
    const std::string name = Lower(line.substr(0, colon));
    const std::string_view value = Trim(line.substr(colon + 1));
    if (name == "content-type") {
      part.content_type = value;
    } else if (name == "content-disposition" && MediaType(value) == "form-data") {
      const auto parameters = Parameters(value);
      if (const auto found = parameters ? parameters->find("name") : decltype(parameters->end()){};
          parameters && found != parameters->end()) {
        part.name = found->second;
        part.is_file = parameters->contains("filename") || parameters->contains("filename*");
        named = true;
      }
    }
  }
  if (!named) {
    return absl::InvalidArgumentError(
        "a multipart part has no well-formed 'Content-Disposition: form-data; name=\"…\"' in its header");
  }
  return absl::OkStatus();
}

/// The part whose text, header and bytes, is `text`.
absl::StatusOr<FormPart> ParsePart(std::string_view text) {
  std::size_t header_end = 0;
  std::size_t bytes_begin = 2;
  if (!text.starts_with("\r\n")) {
    header_end = text.substr(0, kMaxHeaderBytes).find("\r\n\r\n");
    bytes_begin = header_end + 4;
  }
  if (header_end == std::string_view::npos) {
    return absl::InvalidArgumentError(
        text.size() > kMaxHeaderBytes ? fmt::format("the header of a multipart part is over {} bytes", kMaxHeaderBytes)
                                      : "the header of a multipart part does not end");
  }
  FormPart part;
  ACCELERD_RETURN_IF_ERROR(ParsePartHeader(text.substr(0, header_end), part));
  part.bytes = std::as_bytes(std::span(text.substr(bytes_begin)));
  return part;
}

/// Returns the names of the fields as a message shows them.
std::string FieldNames(const std::vector<FormPart>& parts) {
  std::string names;
  for (std::size_t i = 0; i < std::min(parts.size(), kMaxShownNames); ++i) {
    const std::string& name = parts[i].name;
    names += fmt::format("{}'{}{}'", i == 0 ? "" : ", ", name.substr(0, kMaxShownName),
                         name.size() > kMaxShownName ? "…" : "");
  }
  return parts.size() > kMaxShownNames ? names + ", …" : names;
}

}  // namespace

std::optional<std::string_view> BoundaryOfBody(std::span<const std::byte> body) {
  std::string_view text(reinterpret_cast<const char*>(body.data()), std::min<std::size_t>(body.size(), 256));
  if (!text.starts_with("--")) {
    return std::nullopt;
  }
  text.remove_prefix(2);
  const std::size_t end = text.find("\r\n");
  if (end == 0 || end == std::string_view::npos || end > kMaxBoundary ||
      !Lower(text.substr(end + 2)).starts_with("content-")) {
    return std::nullopt;
  }
  return text.substr(0, end);
}

std::string MediaType(std::string_view content_type) {
  return Lower(Trim(content_type.substr(0, content_type.find(';'))));
}

absl::StatusOr<std::vector<FormPart>> ParseMultipart(std::string_view content_type, std::span<const std::byte> body) {
  ACCELERD_ASSIGN_OR_RETURN(const std::string boundary, Boundary(content_type, body));
  const std::string_view text(reinterpret_cast<const char*>(body.data()), body.size());
  const Delimiters delimiters(text, boundary);

  std::vector<FormPart> parts;
  auto delimiter = delimiters.Next(0);
  if (!delimiter) {
    return absl::InvalidArgumentError("the multipart body does not hold the boundary that its Content-Type names");
  }
  while (!delimiter->last) {
    if (parts.size() == kMaxParts) {
      return absl::InvalidArgumentError(fmt::format("the multipart body has more than {} parts", kMaxParts));
    }
    // The line break that ends a delimiter's line may be the one that begins the next delimiter.
    const auto next = delimiters.Next(delimiter->end - 2);
    if (!next) {
      return absl::InvalidArgumentError("the multipart body is cut off: its end boundary is missing");
    }
    const std::size_t end = std::max(next->begin, delimiter->end);
    ACCELERD_ASSIGN_OR_RETURN(FormPart part, ParsePart(text.substr(delimiter->end, end - delimiter->end)));
    parts.push_back(std::move(part));
    delimiter = next;
  }
  return parts;
}

absl::StatusOr<std::span<const std::byte>> FileOfForm(const std::vector<FormPart>& parts) {
  const auto only = [&parts](auto is_meant) -> absl::StatusOr<const FormPart*> {
    const FormPart* found = nullptr;
    for (const FormPart& part : parts) {
      if (!is_meant(part)) {
        continue;
      }
      if (found != nullptr) {
        return absl::InvalidArgumentError(
            fmt::format("the form has several {}: {}; send one image, as the field 'file'",
                        part.is_file ? "files" : "fields", FieldNames(parts)));
      }
      found = &part;
    }
    return found;
  };
  ACCELERD_ASSIGN_OR_RETURN(const FormPart* found, only([](const FormPart& part) { return part.name == "file"; }));
  if (found == nullptr) {
    ACCELERD_ASSIGN_OR_RETURN(found, only([](const FormPart& part) { return part.is_file; }));
  }
  if (found == nullptr && parts.size() == 1) {
    found = &parts.front();
  }
  if (found == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("the form has no field 'file' and no file; {}",
                    parts.empty() ? "it is empty" : fmt::format("it has the fields {}", FieldNames(parts))));
  }
  return found->bytes;
}

}  // namespace accelerd
