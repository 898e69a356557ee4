#ifndef ACCELERD_BACKEND_OPENVINO_TEST_MODELS_H_
#define ACCELERD_BACKEND_OPENVINO_TEST_MODELS_H_

/// \file
/// Small models, made and written when a test runs.

#include <memory>
#include <string>

#include "model/model_files.h"
#include "openvino/core/model.hpp"

namespace accelerd::openvino {

/// y = x + addend, f32 [1,4].
std::shared_ptr<ov::Model> AddModel(float addend);

/// y = 2 x, f32 [?,3].
std::shared_ptr<ov::Model> DynamicBatchModel();

/// Of a u8 picture [1,4,4,3] with layout NHWC: "mean", the mean colour, f32 [1,3]; "inverted", 255 - x, u8 [1,4,4,3].
std::shared_ptr<ov::Model> PictureModel();

/// Many products of f32 [512,512] matrices: takes a good part of a second.
std::shared_ptr<ov::Model> SlowModel();

/// Writes NAME.xml and NAME.bin into `directory`.
ModelFiles WriteIr(const std::shared_ptr<ov::Model>& model, const std::string& directory, const std::string& name);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_TEST_MODELS_H_
