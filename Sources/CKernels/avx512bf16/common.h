// What the AVX-512 BF16 microkernels share.
#pragma once

#include "../kernel_list.h"
#include "../rows.h"

#if defined(__x86_64__)
#include <assert.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

_Static_assert(RF_PANEL_COLUMNS == 32, "a panel is two vectors of 16 pairs");
_Static_assert(RF_BLOCK_KEYS % 32 == 0, "a block's keys are whole vectors of 16 pairs");

#define RF_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")))
#define RF_INLINE static inline __attribute__((always_inline)) RF_TARGET

// acc + a . b for 16 lanes of a pair each. The operands are bit patterns; products are exact, sums
// are float32.
RF_INLINE __m512 rf_dot(__m512 acc, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(acc, (__m512bh)a, (__m512bh)b);
}

// 16 copies of the pair at `pair`.
RF_INLINE __m512i rf_broadcast_pair(const rf_bf16 *pair) {
  int32_t bits;
  memcpy(&bits, pair, sizeof bits);
  return _mm512_set1_epi32(bits);
}

// Rounds 16 float32 to bf16, ties to even, and writes those in `lanes`.
RF_INLINE void rf_store_bf16(rf_bf16 *out, __mmask16 lanes, __m512 x) {
  _mm256_mask_storeu_epi16(out, lanes, (__m256i)_mm512_cvtneps_pbh(x));
}

RF_INLINE __mmask16 rf_lanes(size_t count) { return (__mmask16)((1u << count) - 1); }

// 2^f for f in [-0.5, 0.5], a polynomial of degree 4. Its relative error is 2.6e-6, a thousandth of
// that of the rounding to bf16 that follows.
RF_INLINE __m512 rf_exp2_fraction(__m512 f) {
  __m512 y = _mm512_set1_ps(0.0095701018633f);
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.0559178603406f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.240247448315f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.693121814743f));
  return _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.999999261442f));
}

// 2^(s - maximum), without computing s - maximum: 2^f is a polynomial and the exponent n - maximum
// is exact. Results below 2^-125 become 0: subnormal numbers would take more time than all others
// together, and beside the largest result they count for nothing.
RF_INLINE __m512 rf_exp2_below(__m512 s, __m512 maximum) {
  const __m512 n = _mm512_roundscale_ps(s, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 exponent = _mm512_sub_ps(n, maximum);
  const __mmask16 counts = _mm512_cmp_ps_mask(exponent, _mm512_set1_ps(-125.0f), _CMP_NLT_UQ);
  return _mm512_maskz_scalef_ps(counts, rf_exp2_fraction(_mm512_sub_ps(s, n)), exponent);
}
#endif
