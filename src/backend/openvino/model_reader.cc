#include "backend/openvino/model_reader.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include "backend/openvino/core.h"
#include "backend/openvino/onnx_external_data.h"
#include "base/file.h"
#include "base/hash.h"
#include "fmt/core.h"

namespace accelerd::openvino {
namespace {

/// Hashes a sequence of files such that no other sequence has the same bytes: each with its length.
class ContentHash {
 public:
  void AddLength(std::uint64_t length) {
    std::array<std::byte, sizeof(length)> bytes{};
    for (std::byte& byte : bytes) {
      byte = static_cast<std::byte>(length);
      length >>= 8U;
    }
    hash_.Update(bytes);
  }

  void AddBytes(std::span<const std::byte> bytes) { hash_.Update(bytes); }

  void AddWhole(std::span<const std::byte> bytes) {
    AddLength(bytes.size());
    AddBytes(bytes);
  }

  std::string Finish() { return ToHex(hash_.Finish()); }

 private:
  Sha256 hash_;
};

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::span<const std::byte> BytesOf(const ov::Tensor& tensor) {
  // An empty tensor has no data to ask for.
  return tensor ? std::span(static_cast<const std::byte*>(tensor.data()), tensor.get_byte_size())
                : std::span<const std::byte>();
}

/// The contents of a file in a tensor that owns them: constants of the model refer to it.
absl::StatusOr<ov::Tensor> ReadToTensor(const std::string& path) {
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path, kMaxModelFileBytes));
  ACCELERD_ASSIGN_OR_RETURN(ov::Tensor tensor, Guard(absl::StatusCode::kResourceExhausted, path, [&] {
                              return ov::Tensor(ov::element::u8, ov::Shape{file.size()});
                            }));
  ACCELERD_RETURN_IF_ERROR(file.Read({static_cast<std::byte*>(tensor.data()), file.size()}));
  return tensor;
}

absl::StatusOr<std::shared_ptr<ov::Model>> ParseInMemory(const std::string& path, const std::string& text,
                                                         const ov::Tensor& weights) {
  return Guard(absl::StatusCode::kInvalidArgument, fmt::format("cannot read the model {}", path),
               [&] { return Core().read_model(text, weights); });
}

// Files are checked for what their names promise, because the runtime would let every parser that it has try a file
// that the first ones do not know.

bool LooksLikeIr(std::string_view text) {
  constexpr std::size_t kHead = 1024;  // A declaration or a comment may come first.
  return text.substr(0, kHead).find("<net") != std::string_view::npos;
}

/// By the identifier of its schema (schema.fbs of TensorFlow Lite).
absl::StatusOr<bool> LooksLikeTflite(const std::string& path) {
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path, kMaxModelFileBytes));
  std::array<char, 8> head{};
  if (file.size() < head.size()) {
    return false;
  }
  ACCELERD_RETURN_IF_ERROR(file.Read(std::as_writable_bytes(std::span(head))));
  return std::string_view(head.data(), head.size()).ends_with("TFL3");
}

absl::Status IsNot(const std::string& path, std::string_view format) {
  return absl::InvalidArgumentError(fmt::format("cannot read the model {}: it is not {}", path, format));
}

absl::StatusOr<ReadModel> ReadIr(const std::string& main) {
  ReadModel read;
  const std::string weights_path = std::filesystem::path(main).replace_extension(".bin");
  ACCELERD_ASSIGN_OR_RETURN(const std::string text, ReadFile(main, kMaxModelFileBytes));
  if (!LooksLikeIr(text)) {
    return IsNot(main, "an OpenVINO IR");
  }
  read.files = {main};
  absl::StatusOr<ov::Tensor> weights = ReadToTensor(weights_path);
  const bool without_weights = absl::IsNotFound(weights.status());
  if (without_weights) {
    weights = ov::Tensor();  // A model without constants needs none.
  } else {
    ACCELERD_RETURN_IF_ERROR(weights.status());
    read.files.push_back(weights_path);
  }
  ContentHash hash;
  hash.AddWhole(BytesOf(text));
  hash.AddWhole(BytesOf(*weights));
  read.content_hash = hash.Finish();
  absl::StatusOr<std::shared_ptr<ov::Model>> model = ParseInMemory(main, text, *weights);
  if (!model.ok()) {
    return without_weights ? Annotate(model.status(), fmt::format("{} is missing", weights_path)) : model.status();
  }
  read.model = *std::move(model);
  return read;
}

/// Adds a file's bytes in pieces: it may be larger than what should be held twice.
absl::Status HashFile(const std::string& path, ContentHash& hash) {
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path, kMaxModelFileBytes));
  hash.AddLength(file.size());
  std::vector<std::byte> piece(std::min(kPiece, file.size()));
  for (std::size_t left = file.size(); left > 0; left -= std::min(kPiece, left)) {
    const std::span<std::byte> bytes(piece.data(), std::min(kPiece, left));
    ACCELERD_RETURN_IF_ERROR(file.Read(bytes));
    hash.AddBytes(bytes);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> HashFiles(const std::vector<std::string>& files) {
  ContentHash hash;
  for (const std::string& file : files) {
    ACCELERD_RETURN_IF_ERROR(HashFile(file, hash));
  }
  return hash.Finish();
}

/// Side files that the main file at `main` names, absolute.
absl::StatusOr<std::vector<std::string>> SideFiles(const std::string& main, const std::string& contents) {
  ACCELERD_ASSIGN_OR_RETURN(const std::vector<std::string> locations, OnnxExternalData(contents));
  std::vector<std::string> files;
  for (const std::string& location : locations) {
    files.push_back(std::filesystem::path(main).parent_path() / location);
  }
  return files;
}

/// Finds the files that a main file refers to.
using FindSideFiles = std::function<absl::StatusOr<std::vector<std::string>>()>;

/// One try to read by path; kAborted when the files changed meanwhile.
absl::StatusOr<ReadModel> ReadByPathOnce(const std::string& main, const FindSideFiles& find_side_files) {
  ReadModel read;
  ACCELERD_ASSIGN_OR_RETURN(const std::vector<std::string> side_files, find_side_files());
  read.files = {main};
  read.files.insert(read.files.end(), side_files.begin(), side_files.end());
  ACCELERD_ASSIGN_OR_RETURN(read.content_hash, HashFiles(read.files));
  absl::StatusOr<std::shared_ptr<ov::Model>> model =
      Guard(absl::StatusCode::kInvalidArgument, fmt::format("cannot read the model {}", main),
            [&] { return Core().read_model(main); });
  ACCELERD_ASSIGN_OR_RETURN(const std::string hash_after, HashFiles(read.files));
  ACCELERD_ASSIGN_OR_RETURN(const std::vector<std::string> side_files_after, find_side_files());
  if (hash_after != read.content_hash || side_files_after != side_files) {
    return absl::AbortedError("changed");
  }
  ACCELERD_ASSIGN_OR_RETURN(read.model, std::move(model));
  return read;
}

absl::StatusOr<ReadModel> ReadByPath(const std::string& main, const FindSideFiles& find_side_files) {
  constexpr int kAttempts = 3;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    absl::StatusOr<ReadModel> read = ReadByPathOnce(main, find_side_files);
    if (!absl::IsAborted(read.status())) {
      return read;
    }
  }
  return absl::UnavailableError(fmt::format("the files of {} changed while they were read; try again", main));
}

absl::StatusOr<ReadModel> ReadOnnx(const std::string& main) {
  ReadModel read;
  ACCELERD_ASSIGN_OR_RETURN(const std::string contents, ReadFile(main, kMaxModelFileBytes));
  if (contents.empty()) {
    return IsNot(main, "an ONNX model but empty");
  }
  absl::StatusOr<std::vector<std::string>> side_files = SideFiles(main, contents);
  if (!side_files.ok()) {
    return Annotate(side_files.status(), fmt::format("cannot read the model {}", main));
  }
  if (!side_files->empty()) {
    return ReadByPath(main, [&]() -> absl::StatusOr<std::vector<std::string>> {
      ACCELERD_ASSIGN_OR_RETURN(const std::string now, ReadFile(main, kMaxModelFileBytes));
      return SideFiles(main, now);
    });
  }
  ContentHash hash;
  hash.AddWhole(BytesOf(contents));
  read.content_hash = hash.Finish();
  read.files = {main};
  ACCELERD_ASSIGN_OR_RETURN(read.model, ParseInMemory(main, contents, ov::Tensor()));
  return read;
}

absl::StatusOr<ReadModel> ReadTflite(const std::string& main) {
  ACCELERD_ASSIGN_OR_RETURN(const bool is_tflite, LooksLikeTflite(main));
  if (!is_tflite) {
    return IsNot(main, "a TFLite model");
  }
  return ReadByPath(main, []() -> absl::StatusOr<std::vector<std::string>> { return std::vector<std::string>(); });
}

}  // namespace

absl::StatusOr<ReadModel> ReadModelFiles(const ModelFiles& files) {
  switch (files.format) {
    case ModelFormat::kOpenvinoIr:
      return ReadIr(files.main);
    case ModelFormat::kOnnx:
      return ReadOnnx(files.main);
    case ModelFormat::kTflite:
      return ReadTflite(files.main);
  }
  return absl::InternalError("unknown model format");
}

}  // namespace accelerd::openvino
