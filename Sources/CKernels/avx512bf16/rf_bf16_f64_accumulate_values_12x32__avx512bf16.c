#include "common.h"

#if defined(__x86_64__)
// The block's sum is computed in registers, then added to the Float64 state. The factors are powers
// of two, so both products are exact and only the sum is rounded. `rows` and `vectors` are
// constants where inlined.
RF_INLINE void accumulate_rows(size_t rows, size_t vectors, size_t pairs, const rf_bf16 *p,
                               size_t p_stride, const rf_bf16 *v, double *o, size_t o_stride,
                               const rf_merge_factors *factors) {
  __m512 sum[RF_MICROTILE_ROWS][2];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++)
      sum[r][j] = _mm512_setzero_ps();

  for (size_t k = 0; k < pairs; k++, v += 32 * vectors) {
    __m512i values[2];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++) {
      values[j] = _mm512_loadu_si512(v + 32 * j);
      __builtin_prefetch((const char *)(v + 32 * j) + RF_PANEL_AHEAD, 0, 3);
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      __m512i pair = rf_broadcast_pair(p + r * p_stride + 2 * k);
#pragma clang loop unroll(full)
      for (size_t j = 0; j < vectors; j++)
        sum[r][j] = rf_dot(sum[r][j], pair, values[j]);
    }
  }

#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++) {
    const __m512d old_factor = _mm512_set1_pd(factors[r].state);
    const __m512d new_factor = _mm512_set1_pd(factors[r].block);
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++) {
      double *out = o + r * o_stride + 16 * j;
      const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(sum[r][j]));
      const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(sum[r][j], 1));
      const __m512d old_low = _mm512_mul_pd(_mm512_loadu_pd(out), old_factor);
      const __m512d old_high = _mm512_mul_pd(_mm512_loadu_pd(out + 8), old_factor);
      _mm512_storeu_pd(out, _mm512_fmadd_pd(low, new_factor, old_low));
      _mm512_storeu_pd(out + 8, _mm512_fmadd_pd(high, new_factor, old_high));
    }
  }
}

RF_TARGET void rf_bf16_f64_accumulate_values_12x32__avx512bf16(
    size_t rows, size_t keys, const void *p, size_t p_stride, const void *v, size_t columns,
    double *o, size_t o_stride, size_t rest, const rf_merge_factors *factors) {
  assert(rows > 0 && rows <= RF_MICROTILE_ROWS && keys % 2 == 0);
  assert((columns == 16 || columns == RF_PANEL_COLUMNS) && rest == 0);
  (void)rest;
  if (columns == 32) {
    RF_FOR_ROWS(rows, accumulate_rows, 2, keys / 2, p, p_stride, v, o, o_stride, factors)
  } else {
    RF_FOR_ROWS(rows, accumulate_rows, 1, keys / 2, p, p_stride, v, o, o_stride, factors)
  }
}
#endif
