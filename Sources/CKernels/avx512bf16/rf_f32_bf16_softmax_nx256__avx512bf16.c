#include "../states.h"
#include "common.h"

#if defined(__x86_64__)
// Which of the keys [first, first + 16) lie in [begin, end).
RF_INLINE __mmask16 visible(size_t first, size_t begin, size_t end) {
  const unsigned from = begin > first ? (unsigned)(begin - first) : 0;
  const unsigned to = end < first + 16 ? (end > first ? (unsigned)(end - first) : 0) : 16;
  return (__mmask16)(from < to ? ((1u << to) - 1) & ~((1u << from) - 1) : 0);
}

// The sum of p is a bf16 dot product with ones: it adds the same rounded p that later multiplies V.
RF_INLINE void softmax(const float *scores, float scale, size_t begin, size_t end, bool masked,
                       rf_bf16 *p, float *maximum, float *sum) {
  const __m512 factor = _mm512_set1_ps(scale), lowest = _mm512_set1_ps(-INFINITY);
  const size_t first = masked ? begin / 32 : 0;
  const size_t last = masked ? (end + 31) / 32 : RF_BLOCK_KEYS / 32;

  __m512 largest[2] = {lowest, lowest};
  for (size_t i = first; i < last; i++)
    for (size_t half = 0; half < 2; half++) {
      const size_t key = 32 * i + 16 * half;
      const __mmask16 lanes = masked ? visible(key, begin, end) : (__mmask16)0xffff;
      const __m512 s = _mm512_mul_ps(_mm512_loadu_ps(scores + key), factor);
      largest[half] = _mm512_mask_max_ps(largest[half], lanes, largest[half], s);
    }
  const float m = ceilf(_mm512_reduce_max_ps(_mm512_max_ps(largest[0], largest[1])));

  const __m512 m_lanes = _mm512_set1_ps(m);
  const __m512i ones = _mm512_set1_epi16(0x3f80);
  __m512 total = _mm512_setzero_ps();
  for (size_t i = 0; i < RF_BLOCK_KEYS / 32; i++) {
    if (masked && (i < first || i >= last)) {
      _mm512_storeu_si512(p + 32 * i, _mm512_setzero_si512());
      continue;
    }
    __m512 y[2];
    for (size_t half = 0; half < 2; half++) {
      const size_t key = 32 * i + 16 * half;
      const __mmask16 lanes = masked ? visible(key, begin, end) : (__mmask16)0xffff;
      const __m512 s = _mm512_mul_ps(_mm512_loadu_ps(scores + key), factor);
      y[half] = _mm512_maskz_mov_ps(lanes, rf_exp2_below(s, m_lanes));
    }
    const __m512i pairs = (__m512i)_mm512_cvtne2ps_pbh(y[1], y[0]);
    _mm512_storeu_si512(p + 32 * i, pairs);
    total = rf_dot(total, pairs, ones);
  }
  *maximum = m;
  *sum = _mm512_reduce_add_ps(total);
}

RF_TARGET void rf_f32_bf16_softmax_nx256__avx512bf16(size_t rows, const float *scores, float scale,
                                                     const rf_visible_keys *visible, void *out,
                                                     double *states, size_t state_stride,
                                                     rf_merge_factors *factors) {
  for (size_t r = 0; r < rows; r++, states += state_stride) {
    const float *row = scores + r * RF_BLOCK_KEYS;
    rf_bf16 *p = (rf_bf16 *)out + r * RF_BLOCK_KEYS;
    const rf_visible_keys keys = visible ? visible[r] : (rf_visible_keys){0, RF_BLOCK_KEYS};
    assert(keys.end <= RF_BLOCK_KEYS);
    float maximum = -INFINITY, sum = 0;
    if (keys.begin >= keys.end)
      memset(p, 0, RF_BLOCK_KEYS * sizeof(rf_bf16));
    else if (keys.begin == 0 && keys.end == RF_BLOCK_KEYS)
      softmax(row, scale, keys.begin, keys.end, false, p, &maximum, &sum);
    else
      softmax(row, scale, keys.begin, keys.end, true, p, &maximum, &sum);
    factors[r] = rf_merge_sum(states, maximum, sum, false);
  }
}
#endif
