#include "common.h"

#if defined(__x86_64__)
// What four rows read next is wanted in the first-level cache, not far ahead.
#define RF_ROWS_AHEAD 8192

// The sum of a row is kept in two vectors, one for the even groups of 32 inputs and one for the odd
// groups. Four rows side by side hide the latency.
RF_INLINE void dot_rows(size_t rows, const rf_bf16 *weights, size_t inputs, const rf_bf16 *x,
                        float *out) {
  __m512 even[4], odd[4];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
    even[r] = odd[r] = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 64 <= inputs; i += 64) {
    const __m512i x_even = _mm512_loadu_si512(x + i), x_odd = _mm512_loadu_si512(x + i + 32);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      __builtin_prefetch((const char *)(weights + r * inputs + i) + RF_ROWS_AHEAD, 0, 3);
      __builtin_prefetch((const char *)(weights + r * inputs + i + 32) + RF_ROWS_AHEAD, 0, 3);
      even[r] = rf_dot(even[r], _mm512_loadu_si512(weights + r * inputs + i), x_even);
      odd[r] = rf_dot(odd[r], _mm512_loadu_si512(weights + r * inputs + i + 32), x_odd);
    }
  }
  for (size_t group = 0; i < inputs; i += 32, group++) {
    const size_t count = inputs - i < 32 ? inputs - i : 32;
    const __mmask32 lanes = count == 32 ? 0xffffffffu : (1u << count) - 1;
    const __m512i v = _mm512_maskz_loadu_epi16(lanes, x + i);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      const __m512i w = _mm512_maskz_loadu_epi16(lanes, weights + r * inputs + i);
      if (group == 0)
        even[r] = rf_dot(even[r], w, v);
      else
        odd[r] = rf_dot(odd[r], w, v);
    }
  }
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
    out[r] = _mm512_reduce_add_ps(_mm512_add_ps(even[r], odd[r]));
}

RF_TARGET void rf_bf16_f32_dot_4x1__avx512bf16(const void *weights, size_t rows, size_t inputs,
                                               const void *x, float *out) {
  assert(rows > 0 && rows <= 4);
  RF_FOR_ROWS_4(rows, dot_rows, weights, inputs, x, out)
}
#endif
