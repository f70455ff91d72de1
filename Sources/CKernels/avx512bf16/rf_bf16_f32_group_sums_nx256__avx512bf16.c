#include "common.h"

#if defined(__x86_64__)
_Static_assert(RF_BLOCK_KEYS == 256, "16 groups are the lanes of one vector");

// Each two neighbours of a and of b as one sum, those of b behind those of a in each 128 bits.
RF_INLINE __m512 pair_sums(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)),
                       _mm512_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
}

// A group is 8 pairs, and so half a vector of dot products with ones; three times neighbours are
// added across vectors.
RF_TARGET void rf_bf16_f32_group_sums_nx256__avx512bf16(size_t rows, const void *p, float *sums) {
  const __m512i ones = _mm512_set1_epi16(0x3f80);
  // Group 2 v + h is half h of vector v: its two parts are 4 words apart.
  const __m512i low = _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 16, 24, 17, 25, 18, 26, 19, 27);
  const __m512i high =
      _mm512_setr_epi32(4, 12, 5, 13, 6, 14, 7, 15, 20, 28, 21, 29, 22, 30, 23, 31);
  for (size_t r = 0; r < rows; r++) {
    const rf_bf16 *row = (const rf_bf16 *)p + r * RF_BLOCK_KEYS;
    __m512 v[8];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 8; i++)
      v[i] = rf_dot(_mm512_setzero_ps(), _mm512_loadu_si512(row + 32 * i), ones);
    // In each 128 bits the totals of four vectors.
    const __m512 first = pair_sums(pair_sums(v[0], v[1]), pair_sums(v[2], v[3]));
    const __m512 last = pair_sums(pair_sums(v[4], v[5]), pair_sums(v[6], v[7]));
    _mm512_storeu_ps(sums + 16 * r, _mm512_add_ps(_mm512_permutex2var_ps(first, low, last),
                                                  _mm512_permutex2var_ps(first, high, last)));
  }
}
#endif
