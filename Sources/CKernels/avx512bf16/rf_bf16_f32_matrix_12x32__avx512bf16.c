#include "common.h"

#if defined(__x86_64__)
// Registers: up to 12 x 2 sums of 16 columns, two of b, one of a. `rows` is a constant where
// inlined.
RF_INLINE void matrix_rows(size_t rows, size_t pairs, const rf_bf16 *a, size_t a_stride,
                           const rf_bf16 *b, float *c, size_t c_stride, size_t columns,
                           const float *bias, bool accumulate) {
  __m512 sum[RF_MICROTILE_ROWS][2];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 2; j++)
      sum[r][j] = _mm512_setzero_ps();

  for (size_t k = 0; k < pairs; k++, b += 2 * RF_PANEL_COLUMNS) {
    __m512i panel[2];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 2; j++) {
      panel[j] = _mm512_loadu_si512(b + 32 * j);
      __builtin_prefetch((const char *)(b + 32 * j) + RF_PANEL_AHEAD, 0, 3);
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      __m512i pair = rf_broadcast_pair(a + r * a_stride + 2 * k);
#pragma clang loop unroll(full)
      for (size_t j = 0; j < 2; j++)
        sum[r][j] = rf_dot(sum[r][j], pair, panel[j]);
    }
  }

#pragma clang loop unroll(full)
  for (size_t j = 0; j < 2; j++) {
    if (16 * j >= columns)
      break;
    const __mmask16 lanes = columns - 16 * j >= 16 ? 0xffff : rf_lanes(columns - 16 * j);
    const __m512 addend = bias ? _mm512_maskz_loadu_ps(lanes, bias + 16 * j) : _mm512_setzero_ps();
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      float *out = c + r * c_stride + 16 * j;
      __m512 v = sum[r][j];
      if (bias)
        v = _mm512_add_ps(v, addend);
      if (accumulate)
        v = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, out), v);
      _mm512_mask_storeu_ps(out, lanes, v);
    }
  }
}

RF_TARGET void rf_bf16_f32_matrix_12x32__avx512bf16(size_t rows, size_t inputs, const void *a,
                                                    size_t a_stride, const void *b, float *c,
                                                    size_t c_stride, size_t columns,
                                                    const float *bias, bool accumulate) {
  assert(rows > 0 && rows <= RF_MICROTILE_ROWS && columns <= RF_PANEL_COLUMNS);
  RF_FOR_ROWS(rows, matrix_rows, (inputs + 1) / 2, a, a_stride, b, c, c_stride, columns, bias,
              accumulate)
}
#endif
