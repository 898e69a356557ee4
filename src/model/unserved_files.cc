#include "model/unserved_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLevels = 4;
constexpr std::size_t kMaxEntries = 20'000;
constexpr std::size_t kMaxSentences = 50;

constexpr std::string_view kPytorch =
    "a PyTorch model: export it to ONNX with torch.onnx.export, or to OpenVINO; for Ultralytics: yolo export "
    "model=FILE format=openvino";
constexpr std::string_view kKeras = "a Keras model: convert it to TensorFlow Lite, or to OpenVINO with ovc";
constexpr std::string_view kTensorflow = "a TensorFlow graph: convert it to OpenVINO with ovc";
constexpr std::string_view kCaffe = "a Caffe model: convert it to ONNX";
constexpr std::string_view kPaddle =
    "a PaddlePaddle model: convert it to ONNX with paddle2onnx, or to OpenVINO with ovc";
constexpr std::string_view kTensorrt = "compiled for NVIDIA TensorRT: use the ONNX file that it was made from";
constexpr std::string_view kMyriad = "compiled for Myriad devices: use the OpenVINO IR that it was compiled from";
constexpr std::string_view kWeights = "weights without a graph: export the model to ONNX or OpenVINO";

/// What files of other kinds are, by their extension in lower case.
constexpr std::array<std::pair<std::string_view, std::string_view>, 29> kForeign = {{
    {".pt", kPytorch},
    {".pth", kPytorch},
    {".torchscript", kPytorch},
    {".ptl", kPytorch},
    {".pt2", kPytorch},
    {".h5", kKeras},
    {".hdf5", kKeras},
    {".keras", kKeras},
    {".pb", kTensorflow},
    {".ckpt", kWeights},
    {".safetensors", kWeights},
    {".gguf", "a language model: this service is for image models"},
    {".caffemodel", kCaffe},
    {".pdmodel", kPaddle},
    {".pdiparams", kPaddle},
    {".engine", kTensorrt},
    {".trt", kTensorrt},
    {".plan", kTensorrt},
    {".blob", kMyriad},
    {".hef", "compiled for Hailo devices: use the ONNX or TensorFlow Lite file that it was compiled from"},
    {".mlmodel", "a Core ML model: use the model's ONNX file"},
    {".mlpackage", "a Core ML model: use the model's ONNX file"},
    {".mlmodelc", "a Core ML model: use the model's ONNX file"},
    {".rknn", "compiled for Rockchip devices: use the ONNX file that it was made from"},
    {".dlc", "compiled for Qualcomm devices: use the ONNX file that it was made from"},
    {".om", "compiled for Ascend devices: use the ONNX file that it was made from"},
    {".mnn", "an MNN model: use the model's ONNX file"},
    {".ort", "an ONNX Runtime model: use the .onnx file that it was made from"},
    {".weights", "Darknet weights: convert the model to ONNX"},
}};

std::string LowerExtension(const fs::path& path) {
  return absl::AsciiStrToLower(path.extension().string());
}

bool IsModelExtension(const std::string& extension) {
  return extension == ".xml" || extension == ".onnx" || extension == ".tflite";
}

bool IsNumber(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether there is a file beside `path` with the extension `extension`, in lower or upper case.
bool HasSibling(const fs::path& path, const std::string& extension) {
  std::error_code ignored;
  return fs::exists(fs::path(path).replace_extension(extension), ignored) ||
         fs::exists(fs::path(path).replace_extension(absl::AsciiStrToUpper(extension)), ignored);
}

/// The entries of a folder, sorted.
std::vector<fs::directory_entry> Entries(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end && entries.size() < kMaxEntries;
       entry.increment(error)) {
    if (!entry->path().filename().string().starts_with('.')) {
      entries.push_back(*entry);
    }
  }
  std::ranges::sort(entries);
  return entries;
}

class Search {
 public:
  Search(fs::path directory, const std::vector<FoundModel>& models) : directory_(std::move(directory)) {
    for (const FoundModel& model : models) {
      known_.insert(model.files.main);
      known_.insert(model.passed_over.begin(), model.passed_over.end());
    }
  }

  std::vector<std::string> Run() {
    Visit(directory_, 1);
    if (left_out_ > 0) {
      sentences_.push_back(
          fmt::format("{}: {} more things look like models and are not served", directory_.string(), left_out_));
    }
    return std::move(sentences_);
  }

 private:
  void Visit(const fs::path& folder, int level) {
    std::vector<fs::path> models;  // Of a kind that is served, but not found here.
    for (const fs::directory_entry& entry : Entries(folder)) {
      if (++visited_ > kMaxEntries) {
        return;
      }
      const fs::path& path = entry.path();
      const std::string extension = LowerExtension(path);
      std::error_code ignored;
      if (entry.is_directory(ignored)) {
        VisitFolder(path, extension, level);
      } else if (const std::optional<std::string_view> what = Foreign(extension)) {
        Say(path, *what);
      } else if (IsModelExtension(extension) && !known_.contains(path) && IsComplete(path, extension, level)) {
        models.push_back(path);
      } else if (level == 1 && extension == ".bin" && !HasSibling(path, ".xml")) {
        Say(path, fmt::format("weights, and the {}.xml that they belong to is not beside them", path.stem().string()));
      }
    }
    SayOfModels(folder, models, level);
  }

  void VisitFolder(const fs::path& path, const std::string& extension, int level) {
    std::error_code ignored;
    if (const std::optional<std::string_view> what = Foreign(extension)) {
      Say(path, *what);
    } else if (fs::exists(path / "saved_model.pb", ignored)) {
      Say(path, "a TensorFlow SavedModel: convert it to OpenVINO with ovc, or to TensorFlow Lite");
    } else if (level < kMaxLevels) {
      Visit(path, level + 1);
    }
  }

  static std::optional<std::string_view> Foreign(const std::string& extension) {
    const auto* found = std::ranges::find(kForeign, extension, &std::pair<std::string_view, std::string_view>::first);
    return found == kForeign.end() ? std::nullopt : std::optional(found->second);
  }

  /// XML files are of many kinds: in folders, those with weights beside them count.
  static bool IsComplete(const fs::path& path, const std::string& extension, int level) {
    return extension != ".xml" || level == 1 || HasSibling(path, ".bin");
  }

  void SayOfModels(const fs::path& folder, const std::vector<fs::path>& models, int level) {
    if (models.empty()) {
      return;
    }
    if (level == 1) {
      for (const fs::path& path : models) {
        Say(path,
            fmt::format("of no name that is served: rename it to {}{}", path.stem().string(), LowerExtension(path)));
      }
      return;
    }
    const std::string name = IsNumber(folder.filename()) ? folder.parent_path().filename() : models.front().stem();
    const std::string where = models.size() > 1
                                  ? fmt::format("{} and {} more", models.front().filename().string(), models.size() - 1)
                                  : models.front().filename().string();
    if (IsNumber(folder.filename())) {
      Say(folder, fmt::format("a folder of a version, with {}, and versions are not served: put the files into {} as "
                              "{}{}, or give that folder to --models",
                              where, folder.parent_path().string(), name, LowerExtension(models.front())));
    } else {
      Say(folder, fmt::format("a folder that is not looked into, with {}: move or link the files to {}, or to {}/{}",
                              where, directory_.string(), directory_.string(), name));
    }
  }

  void Say(const fs::path& path, std::string_view what) {
    if (sentences_.size() < kMaxSentences) {
      sentences_.push_back(fmt::format("{} is not served: it is {}", path.string(), what));
    } else {
      ++left_out_;
    }
  }

  fs::path directory_;
  std::set<std::string> known_;
  std::vector<std::string> sentences_;
  std::size_t left_out_ = 0;
  std::size_t visited_ = 0;
};

}  // namespace

std::vector<std::string> UnservedFiles(const std::string& directory, const std::vector<FoundModel>& models) {
  std::error_code ignored;
  return Search(fs::absolute(directory, ignored).lexically_normal(), models).Run();
}

}  // namespace accelerd
