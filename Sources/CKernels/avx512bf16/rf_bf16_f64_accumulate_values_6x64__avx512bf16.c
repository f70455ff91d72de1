#include "common.h"

#if defined(__x86_64__)
#include <assert.h>

// The block's sum stays in registers, then is added to the Float64 state: alpha and beta are powers
// of two, so both products are exact and only the sum rounds. `rows` and `vectors` are constants
// where inlined.
RF_INLINE void accumulate_rows(size_t rows, size_t vectors, size_t pairs, const rf_bf16 *p,
                               size_t p_stride, const rf_bf16 *v, size_t v_stride, double *o,
                               size_t o_stride, const double *alpha, const double *beta) {
  __m512 sum[RF_MICROTILE_ROWS][4];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++)
      sum[r][j] = _mm512_setzero_ps();

  for (size_t k = 0; k < pairs; k++, v += v_stride) {
    __m512i values[4];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++)
      values[j] = _mm512_loadu_si512(v + 32 * j);
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
    const __m512d old_factor = _mm512_set1_pd(alpha[r]), new_factor = _mm512_set1_pd(beta[r]);
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

RF_INLINE void accumulate_vectors(size_t rows, size_t vectors, size_t pairs, const rf_bf16 *p,
                                  size_t p_stride, const rf_bf16 *v, size_t v_stride, double *o,
                                  size_t o_stride, const double *alpha, const double *beta) {
#define RF_ROWS(n)                                                                                 \
  case n:                                                                                          \
    accumulate_rows(n, vectors, pairs, p, p_stride, v, v_stride, o, o_stride, alpha, beta);        \
    break;
  switch (rows) {
    RF_ROWS(1)
    RF_ROWS(2)
    RF_ROWS(3)
    RF_ROWS(4)
    RF_ROWS(5)
    RF_ROWS(6)
  }
#undef RF_ROWS
}

RF_TARGET void rf_bf16_f64_accumulate_values_6x64__avx512bf16(
    size_t rows, size_t keys, const void *p, size_t p_stride, const void *v, size_t value_stride,
    size_t columns, double *o, size_t o_stride, size_t rest, const double *alpha,
    const double *beta) {
  assert(rows <= RF_MICROTILE_ROWS && columns % 16 == 0 && columns <= RF_PANEL_COLUMNS);
  assert(keys % 2 == 0);
  (void)rest;
#define RF_VECTORS(n)                                                                              \
  case n:                                                                                          \
    accumulate_vectors(rows, n, keys / 2, p, p_stride, v, 2 * value_stride, o, o_stride, alpha,    \
                       beta);                                                                      \
    break;
  switch (columns / 16) {
    RF_VECTORS(1)
    RF_VECTORS(2)
    RF_VECTORS(3)
    RF_VECTORS(4)
  }
#undef RF_VECTORS
}
#endif
