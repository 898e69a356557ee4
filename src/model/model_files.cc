#include "model/model_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderSuffix = "_openvino_model";

/// Spellings of extensions that occur, such as on media that know no lower case.
constexpr std::array<std::pair<std::string_view, ModelFormat>, 10> kSpellings = {{{".xml", ModelFormat::kOpenvinoIr},
                                                                                  {".XML", ModelFormat::kOpenvinoIr},
                                                                                  {".Xml", ModelFormat::kOpenvinoIr},
                                                                                  {".onnx", ModelFormat::kOnnx},
                                                                                  {".ONNX", ModelFormat::kOnnx},
                                                                                  {".Onnx", ModelFormat::kOnnx},
                                                                                  {".tflite", ModelFormat::kTflite},
                                                                                  {".TFLITE", ModelFormat::kTflite},
                                                                                  {".TFLite", ModelFormat::kTflite},
                                                                                  {".Tflite", ModelFormat::kTflite}}};

/// Names that exporters give to the only model of a folder.
constexpr std::array<std::pair<std::string_view, ModelFormat>, 4> kUsualNames = {
    {{"openvino_model.xml", ModelFormat::kOpenvinoIr},
     {"model.xml", ModelFormat::kOpenvinoIr},
     {"model.onnx", ModelFormat::kOnnx},
     {"model.tflite", ModelFormat::kTflite}}};

ModelFiles FilesAt(const fs::path& main, ModelFormat format, const std::string& root) {
  return {main, format, fs::path(main).replace_extension(".toml"), root};
}

/// Every place where the model `name` may lie, the preferred first.
std::vector<ModelFiles> Candidates(const fs::path& directory, std::string_view name, const std::string& root) {
  const std::string base(name);
  const std::array<fs::path, 2> own_folders = {directory / base, directory / (base + std::string(kFolderSuffix))};
  std::vector<ModelFiles> candidates;
  for (const fs::path& folder : {directory, own_folders[0], own_folders[1]}) {
    for (const auto& [extension, format] : kSpellings) {
      // The name may hold dots: replace_extension would cut it.
      const std::string card = folder / (base + std::string(".toml"));
      candidates.push_back({folder / (base + std::string(extension)), format, card, root});
    }
  }
  for (const fs::path& folder : own_folders) {
    for (const auto& [file, format] : kUsualNames) {
      candidates.push_back(FilesAt(folder / file, format, root));
    }
  }
  return candidates;
}

/// Whether there is a regular file, or what may not be looked at as it leads out of the root.
bool IsCandidate(const ModelFiles& files) {
  const fs::path path(files.main);
  const absl::StatusOr<InputFolder> folder = InputFolder::Open(path.parent_path(), files.root);
  const absl::Status status = folder.ok() ? folder->CheckLinkedFile(path.filename()) : folder.status();
  return status.ok() || (!files.root.empty() && absl::IsPermissionDenied(status));
}

fs::path AbsolutePath(const std::string& directory) {
  std::error_code ignored;
  return fs::absolute(directory, ignored).lexically_normal();
}

/// The model files in `folder`, sorted.
std::vector<ModelFiles> ModelFilesIn(const fs::path& folder, const std::string& root) {
  std::vector<ModelFiles> files;
  const absl::StatusOr<InputFolder> opened = InputFolder::Open(folder, root);
  for (const std::string& name : opened.ok() ? opened->Names() : std::vector<std::string>()) {
    const fs::path path = folder / name;
    const auto* format =
        std::ranges::find(kSpellings, path.extension().string(), &std::pair<std::string_view, ModelFormat>::first);
    if (format == kSpellings.end() || !ValidateModelName(path.stem().string()).ok()) {
      continue;
    }
    ModelFiles candidate = FilesAt(path, format->second, root);
    if (IsCandidate(candidate)) {
      files.push_back(std::move(candidate));
    }
  }
  std::ranges::sort(files, {}, &ModelFiles::main);
  return files;
}

/// The model in the folder NAME_openvino_model, an export that was renamed: its only model file, of whatever name.
/// kFailedPrecondition when there are several.
absl::StatusOr<ModelFiles> FindRenamedExport(const fs::path& directory, const std::string& name,
                                             const std::string& root) {
  const std::string folder_name = name + std::string(kFolderSuffix);
  const fs::path folder = directory / folder_name;
  std::vector<ModelFiles> files = ModelFilesIn(folder, root);
  // A file that is called as the folder is the model of that name.
  std::erase_if(files, [&](const ModelFiles& one) { return fs::path(one.main).stem() == folder_name; });
  if (files.empty()) {
    return absl::NotFoundError("no model file");
  }
  if (files.size() > 1) {
    return absl::FailedPreconditionError(fmt::format(
        "{} holds {} model files and none is called {}: rename the one to use", folder.string(), files.size(), name));
  }
  return files.front();
}

/// The names that the directory entry `entry` may stand for.
std::vector<std::string> NamesOf(const fs::directory_entry& entry) {
  const std::string filename = entry.path().filename();
  std::error_code ignored;
  if (!entry.is_directory(ignored)) {
    return {entry.path().stem()};
  }
  std::vector<std::string> names = {filename};
  if (filename.ends_with(kFolderSuffix)) {
    names.push_back(filename.substr(0, filename.size() - kFolderSuffix.size()));
  }
  return names;
}

}  // namespace

std::string ModelFiles::weights() const {
  const fs::path path(main);
  return fs::path(path).replace_extension(path.extension() == ".XML" ? ".BIN" : ".bin");
}

absl::Status ValidateModelName(std::string_view name) {
  constexpr std::size_t kMaxLength = 255;
  if (name.empty() || name.size() > kMaxLength) {
    return absl::InvalidArgumentError(
        fmt::format("a model's name has 1 to {} bytes; this one has {}", kMaxLength, name.size()));
  }
  if (name.front() == '.') {
    return absl::InvalidArgumentError("a model's name does not begin with a dot");
  }
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '/' || byte < 0x20 || byte == 0x7f) {
      return absl::InvalidArgumentError("a model's name holds no '/' and no control characters");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<FoundModel> FindModel(const std::string& directory, std::string_view name, const std::string& root) {
  ACCELERD_RETURN_IF_ERROR(ValidateModelName(name));
  FoundModel found;
  for (ModelFiles& candidate : Candidates(AbsolutePath(directory), name, root)) {
    if (!IsCandidate(candidate)) {
      continue;
    }
    if (found.name.empty()) {
      found.name = name;
      found.files = std::move(candidate);
    } else {
      found.warnings.push_back(
          fmt::format("{} is not used: model {} is read from {}", candidate.main, name, found.files.main));
      found.passed_over.push_back(std::move(candidate.main));
    }
  }
  if (found.name.empty()) {
    absl::StatusOr<ModelFiles> renamed = FindRenamedExport(AbsolutePath(directory), std::string(name), root);
    if (renamed.ok()) {
      return FoundModel{.name = std::string(name), .files = *std::move(renamed), .warnings = {}, .passed_over = {}};
    }
    if (!absl::IsNotFound(renamed.status())) {
      return renamed.status();
    }
    return absl::NotFoundError(
        fmt::format("there is no model {1}: {0}, {0}/{1} and {0}/{1}{2} were searched for {1}.xml, {1}.onnx and "
                    "{1}.tflite",
                    directory, name, kFolderSuffix));
  }
  return found;
}

absl::StatusOr<std::vector<FoundModel>> DiscoverModels(const std::string& directory) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::vector<std::string> candidates = NamesOf(*entry);
    names.insert(candidates.begin(), candidates.end());
  }
  if (error) {
    return absl::NotFoundError(fmt::format("cannot read the folder of models {}: {}", directory, error.message()));
  }
  std::vector<FoundModel> models;
  for (const std::string& name : names) {
    if (absl::StatusOr<FoundModel> found = FindModel(directory, name); found.ok()) {
      models.push_back(*std::move(found));
    } else if (absl::IsFailedPrecondition(found.status())) {
      LogWarning("models", Message(found.status()));
    }
  }
  return models;
}

}  // namespace accelerd
