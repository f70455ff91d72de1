#include "common.h"

#if defined(__x86_64__)
#include <assert.h>

// Transposes 16 x 16 pairs (32 bits each): in[row] -> out[column].
RF_INLINE void transpose_16x16(__m512i x[16]) {
  __m512i t[16];
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 4) {
    x[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    x[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    x[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    x[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  // x[4g + c] now holds, in 128-bit lane l, rows 4g..4g+3 of column 4l + c.
#pragma clang loop unroll(full)
  for (int c = 0; c < 4; c++) {
    const __m512i low_01 = _mm512_shuffle_i32x4(x[c], x[4 + c], 0x88);
    const __m512i high_01 = _mm512_shuffle_i32x4(x[c], x[4 + c], 0xdd);
    const __m512i low_23 = _mm512_shuffle_i32x4(x[8 + c], x[12 + c], 0x88);
    const __m512i high_23 = _mm512_shuffle_i32x4(x[8 + c], x[12 + c], 0xdd);
    t[c] = _mm512_shuffle_i32x4(low_01, low_23, 0x88);
    t[8 + c] = _mm512_shuffle_i32x4(low_01, low_23, 0xdd);
    t[4 + c] = _mm512_shuffle_i32x4(high_01, high_23, 0x88);
    t[12 + c] = _mm512_shuffle_i32x4(high_01, high_23, 0xdd);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i++)
    x[i] = t[i];
}

RF_TARGET void rf_bf16_bf16_pack_64xn__avx512bf16(const rf_bf16 *weights, size_t rows,
                                                  size_t inputs, rf_bf16 *packed) {
  assert(rows <= RF_PANEL_COLUMNS);
  for (size_t k = 0; k < inputs; k += 32) {
    const size_t count = inputs - k < 32 ? inputs - k : 32;
    const __mmask32 lanes = count == 32 ? 0xffffffffu : (1u << count) - 1;
    const size_t pairs = (count + 1) / 2;
    for (size_t group = 0; group < RF_PANEL_COLUMNS; group += 16) {
      __m512i x[16];
      for (size_t r = 0; r < 16; r++)
        x[r] = group + r < rows
                   ? _mm512_maskz_loadu_epi16(lanes, weights + (group + r) * inputs + k)
                   : _mm512_setzero_si512();
      transpose_16x16(x);
      for (size_t pair = 0; pair < pairs; pair++)
        _mm512_storeu_si512(packed + (k / 2 + pair) * 2 * RF_PANEL_COLUMNS + 2 * group, x[pair]);
    }
  }
}
#endif
