#ifndef ACCELERD_BACKEND_OPENVINO_RT_INFO_H_
#define ACCELERD_BACKEND_OPENVINO_RT_INFO_H_

#include "backend/openvino/ir_scan.h"
#include "model/exporter_metadata.h"
#include "openvino/core/model.hpp"

namespace accelerd::openvino {

/// Reads the sections model_info and framework of an IR. The latter holds the metadata_props of the ONNX model that the
/// IR was converted from.
ReadMetadata ReadIrMetadata(const IrFacts& facts);

/// Removes from `metadata`, whichever file states it, the mean, scale and colour order that the graph of an IR applies
/// itself: those that were parameters of its conversion, and all of them with `embedded_processing`.
void DropWhatTheGraphDoes(const IrFacts& facts, ModelMetadata& metadata);

/// Reads the metadata_props of an ONNX model, which the runtime keeps in the section framework. May throw.
ReadMetadata ReadOnnxMetadata(const ov::Model& model);

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_RT_INFO_H_
