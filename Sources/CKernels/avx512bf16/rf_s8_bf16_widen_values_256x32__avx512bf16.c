#include "common.h"

#if defined(__x86_64__)
// 16 numbers of 16 bits, times a scale.
RF_INLINE __m512 scaled(__m256i numbers, float scale) {
  return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(numbers)), _mm512_set1_ps(scale));
}

RF_INLINE void widen(const uint8_t *quants, const float *scales, size_t columns, rf_bf16 *out) {
  // The rounding puts 16 columns of the first key before those of the second: 0, 16, 1, 17, …
  const __m512i by_turns =
      _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                       21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  for (size_t key = 0; key < RF_BLOCK_KEYS; key += 2, quants += 2 * RF_PANEL_COLUMNS) {
    __builtin_prefetch(quants + RF_CACHE_AHEAD, 0, 3);
#pragma clang loop unroll(full)
    for (size_t column = 0; column < columns; column += 16, out += 32) {
      const __m256i pairs = _mm256_loadu_si256((const __m256i *)(quants + 2 * column));
      const __m512 first = scaled(_mm256_srai_epi16(_mm256_slli_epi16(pairs, 8), 8), scales[key]);
      const __m512 second = scaled(_mm256_srai_epi16(pairs, 8), scales[key + 1]);
      const __m512i rounded = (__m512i)_mm512_cvtne2ps_pbh(second, first);
      _mm512_storeu_si512(out, _mm512_permutexvar_epi16(by_turns, rounded));
    }
  }
}

RF_TARGET void rf_s8_bf16_widen_values_256x32__avx512bf16(const void *panel, size_t columns,
                                                          void *out) {
  assert(columns == 16 || columns == RF_PANEL_COLUMNS);
  const uint8_t *quants = panel;
  const float *scales = (const float *)(quants + RF_BLOCK_KEYS * RF_PANEL_COLUMNS);
  if (columns == 32)
    widen(quants, scales, 32, out);
  else
    widen(quants, scales, 16, out);
}
#endif
