#include "common.h"

#if defined(__x86_64__)
// How far ahead a row's weights are asked for, past the second-level cache: they are read once.
#define RF_ROWS_AHEAD 8192

// The sum of a row is kept in two vectors, one for the even groups of 32 inputs and one for the odd
// groups. Rows follow each other, as memory is read fastest in order; the end of one row and the
// beginning of the next overlap.
RF_INLINE float dot_row(const rf_bf16 *weights, size_t inputs, const rf_bf16 *x, size_t ahead) {
  __m512 even = _mm512_setzero_ps(), odd = even;
  size_t i = 0;
  for (; i + 64 <= inputs; i += 64) {
    __builtin_prefetch((const char *)(weights + i) + ahead, 0, 0);
    __builtin_prefetch((const char *)(weights + i + 32) + ahead, 0, 0);
    even = rf_dot(even, _mm512_loadu_si512(weights + i), _mm512_loadu_si512(x + i));
    odd = rf_dot(odd, _mm512_loadu_si512(weights + i + 32), _mm512_loadu_si512(x + i + 32));
  }
  for (size_t group = 0; i < inputs; i += 32, group++) {
    const size_t count = inputs - i < 32 ? inputs - i : 32;
    const __mmask32 lanes = count == 32 ? 0xffffffffu : (1u << count) - 1;
    const __m512i w = _mm512_maskz_loadu_epi16(lanes, weights + i);
    const __m512i v = _mm512_maskz_loadu_epi16(lanes, x + i);
    if (group == 0)
      even = rf_dot(even, w, v);
    else
      odd = rf_dot(odd, w, v);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(even, odd));
}

RF_TARGET void rf_bf16_f32_dot_4x1__avx512bf16(const void *weights, size_t row_stride, size_t rows,
                                               size_t inputs, size_t chunks, const void *x,
                                               float *out) {
  assert(rows > 0 && rows <= 4);
  const size_t ahead =
      rf_bytes_ahead(RF_ROWS_AHEAD, row_stride * sizeof(rf_bf16), inputs * sizeof(rf_bf16));
  for (size_t r = 0; r < rows; r++) {
    const rf_bf16 *row = (const rf_bf16 *)weights + r * row_stride;
    for (size_t chunk = 0; chunk < chunks; chunk++) {
      const size_t first = chunk * RF_CHUNK_INPUTS;
      const size_t count = chunk + 1 < chunks ? RF_CHUNK_INPUTS : inputs - first;
      out[4 * chunk + r] = dot_row(row + first, count, (const rf_bf16 *)x + first, ahead);
    }
  }
}
#endif
