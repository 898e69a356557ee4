#ifndef ACCELERD_TASK_SCORES_H_
#define ACCELERD_TASK_SCORES_H_

namespace accelerd {

/// Quantisation and half precision may carry a probability this far beyond 0 and 1.
inline constexpr float kScoreTolerance = 0.005F;

/// Whether a score may be a probability. False for NaN.
inline bool IsProbability(float score) {
  return score >= -kScoreTolerance && score <= 1.0F + kScoreTolerance;
}

}  // namespace accelerd

#endif  // ACCELERD_TASK_SCORES_H_
