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

std::string NameOf(const std::string& path) {
  return std::filesystem::path(path).filename();
}

/// A model's main file, which links may lead to, and where the files beside it are looked up.
struct MainFile {
  InputFolder folder;
  InputFile file;
};

absl::StatusOr<MainFile> OpenMain(const std::string& path, std::uint64_t max_bytes) {
  ACCELERD_ASSIGN_OR_RETURN(InputFolder folder, InputFolder::Open(std::filesystem::path(path).parent_path()));
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, folder.OpenLinkedFile(NameOf(path), max_bytes));
  return MainFile{std::move(folder), std::move(file)};
}

/// A file that belongs to the main file: `name` in the folder where that one is found. A link that leads out of the
/// folder must end beside the main file itself.
absl::StatusOr<InputFile> OpenSideFile(const MainFile& main, const std::string& name) {
  absl::StatusOr<InputFile> file = main.folder.OpenFile(name, kMaxWeightsBytes);
  if (!absl::IsPermissionDenied(file.status())) {
    return file;
  }
  absl::StatusOr<InputFile> linked = main.folder.OpenLinkedFile(name, kMaxWeightsBytes);
  const bool beside_main =
      linked.ok() && !linked->RealDirectory().empty() && linked->RealDirectory() == main.file.RealDirectory();
  return beside_main ? std::move(linked) : std::move(file);
}

/// The contents of a file in a tensor that owns them: constants of the model refer to it.
absl::StatusOr<ov::Tensor> ReadToTensor(InputFile& file, const std::string& path) {
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

// Files are checked for what their names promise: the runtime would let every parser that it has try a file that the
// first ones do not know. It is done before the rest is read, as that may be large.

constexpr std::size_t kHeadBytes = 1024;

bool LooksLikeIr(std::string_view head) {
  return head.find("<net") != std::string_view::npos;  // A declaration or a comment may come first.
}

/// Whether a field of protobuf begins there; the format has no identifier.
bool LooksLikeOnnx(std::string_view head) {
  constexpr unsigned kTypeBits = 3;
  const unsigned key = head.empty() ? 0 : static_cast<unsigned char>(head.front());
  return key >> kTypeBits != 0 && (key & ((1U << kTypeBits) - 1)) <= 2;
}

/// By the identifier of its schema (schema.fbs of TensorFlow Lite).
bool LooksLikeTflite(std::string_view head) {
  return head.size() >= 8 && head.compare(4, 4, "TFL3") == 0;
}

absl::Status IsNot(const std::string& path, std::string_view format) {
  return absl::InvalidArgumentError(fmt::format("cannot read the model {}: it is not {}", path, format));
}

absl::StatusOr<std::string> ReadHead(InputFile& file) {
  std::string head(std::min(kHeadBytes, file.size()), '\0');
  ACCELERD_RETURN_IF_ERROR(file.Read(std::as_writable_bytes(std::span(head))));
  return head;
}

/// The contents of a file whose `head` was read already.
absl::StatusOr<std::string> ReadRest(InputFile& file, std::string head, const std::string& path) {
  const std::size_t begun = head.size();
  const absl::Status grown = Guard(absl::StatusCode::kResourceExhausted, path, [&] { head.resize(file.size()); });
  ACCELERD_RETURN_IF_ERROR(grown);
  ACCELERD_RETURN_IF_ERROR(file.Read(std::as_writable_bytes(std::span(head)).subspan(begun)));
  return head;
}

absl::StatusOr<ReadModel> ReadIr(const ModelFiles& files) {
  ReadModel read;
  const std::string& path = files.main;
  const std::string weights_path = files.weights();
  ACCELERD_ASSIGN_OR_RETURN(MainFile main, OpenMain(path, kMaxXmlBytes));
  ACCELERD_ASSIGN_OR_RETURN(std::string head, ReadHead(main.file));
  if (!LooksLikeIr(head)) {
    return IsNot(path, "an OpenVINO IR");
  }
  ACCELERD_ASSIGN_OR_RETURN(const std::string text, ReadRest(main.file, std::move(head), path));
  read.files = {path};
  ov::Tensor weights;
  absl::StatusOr<InputFile> weights_file = OpenSideFile(main, NameOf(weights_path));
  const bool without_weights = absl::IsNotFound(weights_file.status());  // A model without constants needs none.
  if (!without_weights) {
    ACCELERD_RETURN_IF_ERROR(weights_file.status());
    ACCELERD_ASSIGN_OR_RETURN(weights, ReadToTensor(*weights_file, weights_path));
    read.files.push_back(weights_path);
  }
  ContentHash hash;
  hash.AddWhole(BytesOf(text));
  hash.AddWhole(BytesOf(weights));
  read.content_hash = hash.Finish();
  absl::StatusOr<std::shared_ptr<ov::Model>> model = ParseInMemory(path, text, weights);
  if (!model.ok()) {
    return without_weights ? Annotate(model.status(), fmt::format("{} is missing", weights_path)) : model.status();
  }
  read.model = *std::move(model);
  return read;
}

/// Adds a file's bytes in pieces: it may be larger than what should be held twice.
absl::Status HashFile(InputFile& file, ContentHash& hash) {
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  hash.AddLength(file.size());
  std::vector<std::byte> piece(std::min(kPiece, file.size()));
  for (std::size_t left = file.size(); left > 0; left -= std::min(kPiece, left)) {
    const std::span<std::byte> bytes(piece.data(), std::min(kPiece, left));
    ACCELERD_RETURN_IF_ERROR(file.Read(bytes));
    hash.AddBytes(bytes);
  }
  return absl::OkStatus();
}

/// Names of side files, relative to the main file's folder.
using SideNames = std::vector<std::string>;

absl::StatusOr<std::string> HashFiles(const std::string& path, const SideNames& side_names) {
  ContentHash hash;
  ACCELERD_ASSIGN_OR_RETURN(MainFile main, OpenMain(path, kMaxGraphBytes));
  ACCELERD_RETURN_IF_ERROR(HashFile(main.file, hash));
  for (const std::string& name : side_names) {
    ACCELERD_ASSIGN_OR_RETURN(InputFile file, OpenSideFile(main, name));
    ACCELERD_RETURN_IF_ERROR(HashFile(file, hash));
  }
  return hash.Finish();
}

/// Finds the files that a main file refers to.
using FindSideNames = std::function<absl::StatusOr<SideNames>()>;

/// One try to read by path; kAborted when the files changed meanwhile.
absl::StatusOr<ReadModel> ReadByPathOnce(const std::string& main, const FindSideNames& find_side_names) {
  ReadModel read;
  ACCELERD_ASSIGN_OR_RETURN(const SideNames side_names, find_side_names());
  read.files = {main};
  for (const std::string& name : side_names) {
    read.files.push_back(std::filesystem::path(main).parent_path() / name);
  }
  ACCELERD_ASSIGN_OR_RETURN(read.content_hash, HashFiles(main, side_names));
  absl::StatusOr<std::shared_ptr<ov::Model>> model =
      Guard(absl::StatusCode::kInvalidArgument, fmt::format("cannot read the model {}", main),
            [&] { return Core().read_model(main); });
  ACCELERD_ASSIGN_OR_RETURN(const std::string hash_after, HashFiles(main, side_names));
  ACCELERD_ASSIGN_OR_RETURN(const SideNames side_names_after, find_side_names());
  if (hash_after != read.content_hash || side_names_after != side_names) {
    return absl::AbortedError("changed");
  }
  ACCELERD_ASSIGN_OR_RETURN(read.model, std::move(model));
  return read;
}

absl::StatusOr<ReadModel> ReadByPath(const std::string& main, const FindSideNames& find_side_names) {
  constexpr int kAttempts = 3;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    absl::StatusOr<ReadModel> read = ReadByPathOnce(main, find_side_names);
    if (!absl::IsAborted(read.status())) {
      return read;
    }
  }
  return absl::UnavailableError(fmt::format("the files of {} changed while they were read; try again", main));
}

/// The contents of the ONNX model at `path`.
absl::StatusOr<std::string> ReadOnnxFile(const std::string& path) {
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path, kMaxGraphBytes));
  ACCELERD_ASSIGN_OR_RETURN(std::string head, ReadHead(file));
  if (!LooksLikeOnnx(head)) {
    return IsNot(path, "an ONNX model");
  }
  return ReadRest(file, std::move(head), path);
}

absl::StatusOr<SideNames> OnnxSideNames(const std::string& path, const std::string& contents) {
  absl::StatusOr<SideNames> names = OnnxExternalData(contents);
  return names.ok() ? std::move(names) : Annotate(names.status(), fmt::format("cannot read the model {}", path));
}

absl::StatusOr<ReadModel> ReadOnnx(const std::string& path) {
  ReadModel read;
  ACCELERD_ASSIGN_OR_RETURN(std::string contents, ReadOnnxFile(path));
  ACCELERD_ASSIGN_OR_RETURN(const SideNames side_names, OnnxSideNames(path, contents));
  if (!side_names.empty()) {
    contents = std::string();
    return ReadByPath(path, [&]() -> absl::StatusOr<SideNames> {
      ACCELERD_ASSIGN_OR_RETURN(const std::string now, ReadOnnxFile(path));
      return OnnxSideNames(path, now);
    });
  }
  ContentHash hash;
  hash.AddWhole(BytesOf(contents));
  read.content_hash = hash.Finish();
  read.files = {path};
  ACCELERD_ASSIGN_OR_RETURN(read.model, ParseInMemory(path, contents, ov::Tensor()));
  return read;
}

absl::StatusOr<ReadModel> ReadTflite(const std::string& path) {
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path, kMaxGraphBytes));
  ACCELERD_ASSIGN_OR_RETURN(const std::string head, ReadHead(file));
  if (!LooksLikeTflite(head)) {
    return IsNot(path, "a TFLite model");
  }
  return ReadByPath(path, []() -> absl::StatusOr<SideNames> { return SideNames(); });
}

}  // namespace

absl::StatusOr<ReadModel> ReadModelFiles(const ModelFiles& files) {
  switch (files.format) {
    case ModelFormat::kOpenvinoIr:
      return ReadIr(files);
    case ModelFormat::kOnnx:
      return ReadOnnx(files.main);
    case ModelFormat::kTflite:
      return ReadTflite(files.main);
  }
  return absl::InternalError("unknown model format");
}

}  // namespace accelerd::openvino
