#ifndef ACCELERD_BACKEND_SIMULATED_SIMULATED_BACKEND_H_
#define ACCELERD_BACKEND_SIMULATED_SIMULATED_BACKEND_H_

#include <functional>
#include <memory>
#include <string>

#include "backend/backend.h"

namespace accelerd {

/// Reads what model files say: signature, output facts, content hash, files. Errors as Backend::Compile.
using ModelReader = std::function<absl::StatusOr<ModelInfo>(const ModelFiles& files)>;

/// An exclusive accelerator stick on command, for tests of faults and for developers without hardware: it takes real
/// model files, answers with FillOutput (output_function.h) instead of inference, and takes its time, its size and its
/// faults from the state file at `path`, which `accelerd simulate` edits. A missing file is made when the stick is
/// opened. docs/simulated-device.md describes it.
std::unique_ptr<Backend> CreateSimulatedBackend(const std::string& path, ModelReader read_model,
                                                Backend::OnLost on_lost);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_SIMULATED_BACKEND_H_
