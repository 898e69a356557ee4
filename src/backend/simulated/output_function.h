#ifndef ACCELERD_BACKEND_SIMULATED_OUTPUT_FUNCTION_H_
#define ACCELERD_BACKEND_SIMULATED_OUTPUT_FUNCTION_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/tensor.h"

namespace accelerd {

/// What a simulated stick computes, instead of the model: numbers that depend on every byte of every input, on the
/// model's contents and on the output, so that mixed up or damaged tensors show. docs/simulated-device.md has the same
/// in Python. Cheap: about 30 us for 600 kB.

/// Stands for the inputs of a run of the model with this `content_hash` (hexadecimal).
std::uint64_t InputSeed(std::string_view content_hash, const Tensors& inputs);

/// Writes the output at `index`: floating point from 0 to under 1, in steps that its type represents exactly; integers
/// from 0 to 127; booleans. `wrong`: every element is off by half of its range.
///
/// Outputs of f32 or f64 that have the shape of SSD rows ([1,1,N,7], [1,N,7], [N,7]) hold rows that a client can draw:
/// the image 0, a class from 1 to 4, a score, and normalised corners with left < right and top < bottom. So do the
/// boxes [N,4] and [N,5] of an output whose `name` has "box" or "dets" in it.
void FillOutput(std::uint64_t seed, std::size_t index, const Tensor& output, bool wrong = false,
                std::string_view name = {});

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_OUTPUT_FUNCTION_H_
