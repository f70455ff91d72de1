// The part of a softmax state that the softmax microkernels of all instruction sets update alike.
#pragma once

#include "CKernels.h"

#include <math.h>
#include <string.h>

// 2^exponent for integers of 0 and less; 0 below the normal numbers. Not a number where a score was
// infinite or none: it goes on to the outputs.
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

// Merges a block's M and l into a state's [M, l, rest of l]; returns what the state's o and the
// block's are to be multiplied by. An empty block has M = -infinity.
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
    // Knuth's two-sum.
    const double seen = total - a;
    state[2] = state[2] * by.state + ((a - (total - seen)) + (b - seen));
  }
  state[0] = larger;
  state[1] = total;
  return by;
}
