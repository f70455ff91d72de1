#include "common.h"

#if defined(__x86_64__)

enum { at_once = 6 };

// The sums are those of rf_bf16_f32_dot_4x1__avx512bf16: one vector for the even groups of 32
// inputs, one for the odd groups. Two rows of weights are loaded once for all columns of the tile.
RF_INLINE void dot_tile(size_t columns, size_t rows, const rf_bf16 *weights, size_t row_stride,
                        size_t inputs, const rf_bf16 *x, size_t x_stride, float *out,
                        size_t out_stride) {
  __m512 sums[at_once][2][2];
#pragma clang loop unroll(full)
  for (size_t c = 0; c < columns; c++)
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++)
      sums[c][r][0] = sums[c][r][1] = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 64 <= inputs; i += 64) {
#pragma clang loop unroll(full)
    for (size_t half = 0; half < 2; half++) {
      __m512i w[2];
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++)
        w[r] = _mm512_loadu_si512(weights + r * row_stride + i + 32 * half);
#pragma clang loop unroll(full)
      for (size_t c = 0; c < columns; c++) {
        const __m512i v = _mm512_loadu_si512(x + c * x_stride + i + 32 * half);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rows; r++)
          sums[c][r][half] = rf_dot(sums[c][r][half], w[r], v);
      }
    }
  }
  if (i < inputs) {
    // One bit for each input that is left, of both groups.
    const uint64_t left = ~0ull >> (64 - (inputs - i));
#pragma clang loop unroll(full)
    for (size_t half = 0; half < 2; half++) {
      const __mmask32 lanes = (__mmask32)(left >> 32 * half);
      // A tiny negative sum is rounded to -0; adding 0 would make it +0.
      if (lanes == 0)
        continue;
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        const __m512i w = _mm512_maskz_loadu_epi16(lanes, weights + r * row_stride + i + 32 * half);
#pragma clang loop unroll(full)
        for (size_t c = 0; c < columns; c++)
          sums[c][r][half] =
              rf_dot(sums[c][r][half], w,
                     _mm512_maskz_loadu_epi16(lanes, x + c * x_stride + i + 32 * half));
      }
    }
  }
#pragma clang loop unroll(full)
  for (size_t c = 0; c < columns; c++)
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++)
      out[c * out_stride + r] = _mm512_reduce_add_ps(_mm512_add_ps(sums[c][r][0], sums[c][r][1]));
}

RF_TARGET void rf_bf16_f32_dot_nxn__avx512bf16(const void *weights, size_t row_stride, size_t rows,
                                               size_t inputs, const void *x, size_t columns,
                                               size_t x_stride, float *out, size_t out_stride) {
  assert(inputs > 0 && x_stride >= inputs && out_stride >= rows);
  const rf_bf16 *w = weights;
  for (size_t c = 0; c < columns; c += at_once) {
    const size_t count = columns - c < at_once ? columns - c : at_once;
    const rf_bf16 *v = (const rf_bf16 *)x + c * x_stride;
    float *o = out + c * out_stride;
    size_t r = 0;
    for (; r + 2 <= rows; r += 2)
      RF_FOR_ROWS_6(count, dot_tile, 2, w + r * row_stride, row_stride, inputs, v, x_stride, o + r,
                    out_stride)
    if (r < rows)
      RF_FOR_ROWS_6(count, dot_tile, 1, w + r * row_stride, row_stride, inputs, v, x_stride, o + r,
                    out_stride)
  }
}
#endif
