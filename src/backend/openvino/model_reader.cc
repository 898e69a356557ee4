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
#include "backend/openvino/ir_scan.h"
#include "backend/openvino/named_copy.h"
#include "backend/openvino/onnx_external_data.h"
#include "backend/openvino/rt_info.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory_guard.h"
#include "fmt/core.h"
#include "fmt/ranges.h"
#include "model/exporter_metadata.h"
#include "model/model_folder.h"
#include "model/tflite_facts.h"

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

/// A model's main file, which links may lead to within the root, and the folder of the files that belong to it.
struct MainFile {
  ModelFolder folder;
  InputFile file;
};

absl::StatusOr<MainFile> OpenMain(const ModelFiles& files, std::uint64_t max_bytes) {
  ACCELERD_ASSIGN_OR_RETURN(ModelFolder folder, ModelFolder::Open(files));
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, folder.OpenMain(max_bytes));
  return MainFile{std::move(folder), std::move(file)};
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
  ACCELERD_RETURN_IF_ERROR(RefuseGitLfsPointer(contents, path));
  if (!looks_right(contents)) {
    return absl::InvalidArgumentError(fmt::format("cannot read the model {}: it is not {}", path, format));
  }
  const std::size_t begun = contents.size();
  const absl::Status grown = Guard(absl::StatusCode::kResourceExhausted, path, [&] { contents.resize(file.size()); });
  ACCELERD_RETURN_IF_ERROR(grown);
  ACCELERD_RETURN_IF_ERROR(file.Read(std::as_writable_bytes(std::span(contents)).subspan(begun)));
  return contents;
}

/// Versions of the IR before 10 were read by OpenVINO until 2020 or so, and are not convertible.
absl::Status CheckIrVersion(std::optional<int> version) {
  constexpr int kFirst = 10;
  constexpr int kLast = 11;
  if (!version || (*version >= kFirst && *version <= kLast)) {
    return absl::OkStatus();
  }
  if (*version > kLast) {
    return absl::InvalidArgumentError(
        fmt::format("it is an OpenVINO IR of version {}; this build reads versions {} and {}, so a newer OpenVINO is "
                    "needed",
                    *version, kFirst, kLast));
  }
  const std::string_view years = *version >= 7 ? "2019-2020" : *version == 6 ? "2018-2019" : "2017-2018";
  return absl::InvalidArgumentError(
      fmt::format("it is an OpenVINO IR of version {} ({}); versions {} and {} are read: download the model anew, or "
                  "convert the original model anew",
                  *version, years, kFirst, kLast));
}

/// Whether NAME.bin holds all that the XML refers to; `weights` is empty when there is none.
absl::Status CheckWeights(const IrFacts& facts, std::span<const std::byte> weights, bool missing,
                          const std::string& weights_path, const std::string& path) {
  if (missing && facts.weights_bytes > 0) {
    return absl::InvalidArgumentError(fmt::format("cannot read the model {}: {} is missing; it must have {} bytes",
                                                  path, weights_path, facts.weights_bytes));
  }
  ACCELERD_RETURN_IF_ERROR(
      RefuseGitLfsPointer({reinterpret_cast<const char*>(weights.data()), weights.size()}, weights_path));
  if (weights.size() < facts.weights_bytes) {
    return absl::InvalidArgumentError(
        fmt::format("cannot read the model {0}: {1} has {2} bytes, and {0} asks for {3}: it was not copied whole, or "
                    "belongs to another model",
                    path, weights_path, weights.size(), facts.weights_bytes));
  }
  return absl::OkStatus();
}

/// The metadata alone, after its warnings are logged.
ModelMetadata TakeMetadata(ReadMetadata read, const std::string& path) {
  for (const std::string& warning : read.warnings) {
    LogWarning("models", fmt::format("{}: {}", path, warning));
  }
  return std::move(read.metadata);
}

/// Whether the file lies in a folder that holds one model alone, as exporters make it.
bool HasFolderOfItsOwn(const std::filesystem::path& main) {
  const std::string folder = main.parent_path().filename();
  return folder == main.stem() || folder.ends_with("_openvino_model") || folder.ends_with("_saved_model");
}

/// Adds what metadata.yaml beside the model states, as Ultralytics writes it.
void AddMetadataFile(const ModelFolder& folder, ReadModel& read) {
  constexpr const char* kName = "metadata.yaml";
  const std::filesystem::path main(read.files.front());
  if (!HasFolderOfItsOwn(main)) {
    return;
  }
  const std::string path = main.parent_path() / kName;
  const absl::StatusOr<std::string> text = folder.ReadFile(kName, kMaxMetadataBytes);
  if (!text.ok()) {
    if (!absl::IsNotFound(text.status())) {
      LogWarning("models", fmt::format("{} is not used: {}", path, Message(text.status())));
    }
    return;
  }
  ModelMetadata metadata = TakeMetadata(ReadExporterDocument(*text, Origin::kMetadataYaml), path);
  if (metadata.labels) {
    read.metadata.labels.reset();  // model_info cannot have spaces in its labels.
  }
  AddMetadata(std::move(metadata), read.metadata);
  read.files.push_back(path);
}

absl::StatusOr<ReadModel> ReadIr(const ModelFiles& files) {
  ReadModel read;
  const std::string& path = files.main;
  std::string weights_path = files.weights();
  ACCELERD_ASSIGN_OR_RETURN(MainFile main, OpenMain(files, kMaxXmlBytes));
  ACCELERD_ASSIGN_OR_RETURN(const std::string text, ReadMain(main.file, path, LooksLikeIr, "an OpenVINO IR"));
  const absl::StatusOr<IrFacts> facts = ScanIr(text);
  const absl::Status readable = facts.ok() ? CheckIrVersion(facts->version) : facts.status();
  if (!readable.ok()) {
    return Annotate(readable, fmt::format("cannot read the model {}", path));
  }
  read.files = {path};
  ov::Tensor weights;
  absl::StatusOr<InputFile> weights_file = main.folder.OpenFile(NameOf(weights_path), kMaxWeightsBytes);
  if (absl::IsNotFound(weights_file.status()) && weights_path.ends_with(".BIN")) {
    weights_path = std::filesystem::path(path).replace_extension(".bin");
    weights_file = main.folder.OpenFile(NameOf(weights_path), kMaxWeightsBytes);
  }
  const bool without_weights = absl::IsNotFound(weights_file.status());  // A model without constants needs none.
  if (!without_weights) {
    ACCELERD_RETURN_IF_ERROR(weights_file.status());
    ACCELERD_ASSIGN_OR_RETURN(weights, ReadToTensor(*weights_file, weights_path));
    read.files.push_back(weights_path);
  }
  ACCELERD_RETURN_IF_ERROR(CheckWeights(*facts, BytesOf(weights), without_weights, weights_path, path));
  ContentHash hash;
  hash.AddWhole(BytesOf(text));
  hash.AddWhole(BytesOf(weights));
  read.content_hash = hash.Finish();
  ACCELERD_ASSIGN_OR_RETURN(read.model, ParseInMemory(path, text, weights));
  read.metadata = TakeMetadata(ReadIrMetadata(*facts), path);
  AddMetadataFile(main.folder, read);
  DropWhatTheGraphDoes(*facts, read.metadata);
  return read;
}

absl::StatusOr<ReadModel> ReadOnnx(const ModelFiles& files) {
  ReadModel read;
  const std::string& path = files.main;
  ACCELERD_ASSIGN_OR_RETURN(MainFile main, OpenMain(files, kMaxGraphBytes));
  ACCELERD_ASSIGN_OR_RETURN(std::string contents, ReadMain(main.file, path, LooksLikeOnnx, "an ONNX model"));
  std::map<std::string, ov::Tensor> side_files;
  const ReadExternalData read_side_file = [&](const std::string& name) -> absl::StatusOr<std::span<const std::byte>> {
    ACCELERD_ASSIGN_OR_RETURN(InputFile file, main.folder.OpenFile(name, kMaxWeightsBytes));
    ACCELERD_ASSIGN_OR_RETURN(side_files[name], ReadToTensor(file, name));
    const std::span<const std::byte> data = BytesOf(side_files[name]);
    ACCELERD_RETURN_IF_ERROR(RefuseGitLfsPointer({reinterpret_cast<const char*>(data.data()), data.size()}, name));
    return data;
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
  ACCELERD_ASSIGN_OR_RETURN(ReadMetadata stated, Guard(absl::StatusCode::kInvalidArgument, path,
                                                       [&] { return ReadOnnxMetadata(*read.model); }));
  read.metadata = TakeMetadata(std::move(stated), path);
  AddMetadataFile(main.folder, read);
  return read;
}

/// What to do about a TFLite model that the runtime cannot read because of its custom operations; empty without any.
std::string AdviceOnCustomOperations(const std::vector<std::string>& operations) {
  if (operations.empty()) {
    return {};
  }
  const auto has = [&](std::string_view name) { return std::ranges::find(operations, name) != operations.end(); };
  if (has("edgetpu-custom-op")) {
    return "it is compiled for the Edge TPU; use the file without _edgetpu in its name, from which it was compiled";
  }
  if (has("TFLite_Detection_PostProcess")) {
    return "OpenVINO has no TFLite_Detection_PostProcess; use the model's ONNX file, or convert its SavedModel or "
           "frozen "
           "graph with OpenVINO's ovc";
  }
  return fmt::format("OpenVINO lacks its custom operation{} {}; use the model in another format, such as ONNX",
                     operations.size() > 1 ? "s" : "", fmt::join(operations, ", "));
}

absl::StatusOr<ReadModel> ReadTflite(const ModelFiles& files) {
  ReadModel read;
  const std::string& path = files.main;
  ACCELERD_ASSIGN_OR_RETURN(MainFile main, OpenMain(files, kMaxGraphBytes));
  ACCELERD_ASSIGN_OR_RETURN(std::string contents, ReadMain(main.file, path, LooksLikeTflite, "a TFLite model"));
  const std::string failure = fmt::format("cannot read the model {}", path);
  absl::StatusOr<TfliteFacts> facts = GuardMemory([&] { return ReadTfliteFacts(contents); });
  if (!facts.ok()) {
    return Annotate(facts.status(), failure);
  }
  ContentHash hash;
  hash.AddWhole(BytesOf(contents));
  read.content_hash = hash.Finish();
  read.files = {path};
  ACCELERD_ASSIGN_OR_RETURN(const NamedCopy copy, NamedCopy::Make("model.tflite", contents));
  contents = std::string();
  absl::StatusOr<std::shared_ptr<ov::Model>> model =
      Guard(absl::StatusCode::kInvalidArgument, failure, [&] { return Core().read_model(copy.path()); });
  if (!model.ok()) {
    const std::string advice = AdviceOnCustomOperations(facts->custom_operations);
    return advice.empty() ? model.status() : absl::InvalidArgumentError(fmt::format("{}: {}", failure, advice));
  }
  read.model = *std::move(model);
  read.metadata = TakeMetadata(std::move(facts->stated), path);
  AddMetadataFile(main.folder, read);
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
