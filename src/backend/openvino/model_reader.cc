#include "backend/openvino/model_reader.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "backend/openvino/core.h"
#include "backend/openvino/named_copy.h"
#include "backend/openvino/onnx_external_data.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory_guard.h"
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

/// A model's main file, which links may lead to within the root, and where the files beside it are looked up.
struct MainFile {
  InputFolder folder;
  InputFile file;
};

absl::StatusOr<MainFile> OpenMain(const ModelFiles& files, std::uint64_t max_bytes) {
  const std::filesystem::path path(files.main);
  ACCELERD_ASSIGN_OR_RETURN(InputFolder folder, InputFolder::Open(path.parent_path(), files.root));
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, folder.OpenLinkedFile(path.filename(), max_bytes));
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

absl::StatusOr<std::string> ReadHead(InputFile& file) {
  std::string head(std::min(kHeadBytes, file.size()), '\0');
  ACCELERD_RETURN_IF_ERROR(file.Read(std::as_writable_bytes(std::span(head))));
  return head;
}

/// The contents of a main file, when its beginning is that of a file of its format.
absl::StatusOr<std::string> ReadMain(InputFile& file, const std::string& path, bool (*looks_right)(std::string_view),
                                     std::string_view format) {
  ACCELERD_ASSIGN_OR_RETURN(std::string contents, ReadHead(file));
  if (!looks_right(contents)) {
    return absl::InvalidArgumentError(fmt::format("cannot read the model {}: it is not {}", path, format));
  }
  const std::size_t begun = contents.size();
  const absl::Status grown = Guard(absl::StatusCode::kResourceExhausted, path, [&] { contents.resize(file.size()); });
  ACCELERD_RETURN_IF_ERROR(grown);
  ACCELERD_RETURN_IF_ERROR(file.Read(std::as_writable_bytes(std::span(contents)).subspan(begun)));
  return contents;
}

absl::StatusOr<ReadModel> ReadIr(const ModelFiles& files) {
  ReadModel read;
  const std::string& path = files.main;
  const std::string weights_path = files.weights();
  ACCELERD_ASSIGN_OR_RETURN(MainFile main, OpenMain(files, kMaxXmlBytes));
  ACCELERD_ASSIGN_OR_RETURN(const std::string text, ReadMain(main.file, path, LooksLikeIr, "an OpenVINO IR"));
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

absl::StatusOr<ReadModel> ReadOnnx(const ModelFiles& files) {
  ReadModel read;
  const std::string& path = files.main;
  ACCELERD_ASSIGN_OR_RETURN(MainFile main, OpenMain(files, kMaxGraphBytes));
  ACCELERD_ASSIGN_OR_RETURN(std::string contents, ReadMain(main.file, path, LooksLikeOnnx, "an ONNX model"));
  std::map<std::string, ov::Tensor> side_files;
  const ReadExternalData read_side_file = [&](const std::string& name) -> absl::StatusOr<std::span<const std::byte>> {
    ACCELERD_ASSIGN_OR_RETURN(InputFile file, OpenSideFile(main, name));
    ACCELERD_ASSIGN_OR_RETURN(side_files[name], ReadToTensor(file, name));
    return BytesOf(side_files[name]);
  };
  absl::StatusOr<std::optional<std::string>> placed =
      GuardMemory([&] { return PlaceExternalData(contents, read_side_file); });
  if (!placed.ok()) {
    return Annotate(placed.status(), fmt::format("cannot read the model {}", path));
  }
  read.files = {path};
  ContentHash hash;
  hash.AddWhole(BytesOf(contents));
  for (const auto& [name, data] : side_files) {
    read.files.push_back(std::filesystem::path(path).parent_path() / name);
    hash.AddWhole(BytesOf(data));
  }
  read.content_hash = hash.Finish();
  if (*placed) {
    contents = **std::move(placed);
  }
  ACCELERD_ASSIGN_OR_RETURN(read.model, ParseInMemory(path, contents, ov::Tensor()));
  return read;
}

absl::StatusOr<ReadModel> ReadTflite(const ModelFiles& files) {
  ReadModel read;
  const std::string& path = files.main;
  ACCELERD_ASSIGN_OR_RETURN(MainFile main, OpenMain(files, kMaxGraphBytes));
  ACCELERD_ASSIGN_OR_RETURN(std::string contents, ReadMain(main.file, path, LooksLikeTflite, "a TFLite model"));
  ContentHash hash;
  hash.AddWhole(BytesOf(contents));
  read.content_hash = hash.Finish();
  read.files = {path};
  ACCELERD_ASSIGN_OR_RETURN(const NamedCopy copy, NamedCopy::Make("model.tflite", contents));
  contents = std::string();
  ACCELERD_ASSIGN_OR_RETURN(read.model,
                            Guard(absl::StatusCode::kInvalidArgument, fmt::format("cannot read the model {}", path),
                                  [&] { return Core().read_model(copy.path()); }));
  return read;
}

}  // namespace

absl::StatusOr<ReadModel> ReadModelFiles(const ModelFiles& files) {
  switch (files.format) {
    case ModelFormat::kOpenvinoIr:
      return ReadIr(files);
    case ModelFormat::kOnnx:
      return ReadOnnx(files);
    case ModelFormat::kTflite:
      return ReadTflite(files);
  }
  return absl::InternalError("unknown model format");
}

}  // namespace accelerd::openvino
