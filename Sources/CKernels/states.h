// How the softmax microkernels of all instruction sets update the header of a softmax state.
#pragma once

#include "CKernels.h"

#include <math.h>
#include <string.h>

_Static_assert(RF_STATE_HEADER >= 3, "M, l and the rest of l stand before o");

// 2^exponent for an integer that is not above 0, or 0 where that is below the normal numbers. An
// exponent that is NaN, because a score was infinite or NaN, stays NaN, so that the outputs show
// it.
static inline double rf_power_of_two(double exponent) {
  if (isnan(exponent))
    return exponent;
  if (exponent < -1022)
    return 0;
  const uint64_t bits = (uint64_t)((int64_t)exponent + 1023) << 52;
  double power;
  memcpy(&power, &bits, sizeof power);
  return power;
}

// Merges a block's M and l into a state's [M, l, rest of l]. Returns the factors for the state's o
// and the block's. An empty block has M = -infinity.
static inline rf_merge_factors rf_merge_sum(double *state, float maximum, float sum,
                                            bool has_rest) {
  if (maximum == -INFINITY)
    return (rf_merge_factors){1, 0};
  const double larger = state[0] > maximum ? state[0] : maximum;
  const rf_merge_factors by = {rf_power_of_two(state[0] - larger),
                               rf_power_of_two(maximum - larger)};
  const double a = state[1] * by.state, b = sum * by.block;
  const double total = a + b;
  if (has_rest) {
    // Knuth's two-sum gives the rounding error of the sum.
    const double seen = total - a;
    state[2] = state[2] * by.state + ((a - (total - seen)) + (b - seen));
  }
  state[0] = larger;
  state[1] = total;
  return by;
}
