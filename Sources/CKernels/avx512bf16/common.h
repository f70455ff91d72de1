// What the AVX-512 BF16 microkernels share.
#pragma once

#include "../kernel_list.h"
#include "../rows.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define RF_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")))
#define RF_INLINE static inline __attribute__((always_inline)) RF_TARGET

// acc + a.b over 16 pairs; operands are bit patterns, products exact, sums float32.
RF_INLINE __m512 rf_dot(__m512 acc, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(acc, (__m512bh)a, (__m512bh)b);
}

// 16 pairs, each the one at `pair`.
RF_INLINE __m512i rf_broadcast_pair(const rf_bf16 *pair) {
  int32_t bits;
  memcpy(&bits, pair, sizeof bits);
  return _mm512_set1_epi32(bits);
}

// 16 float32 to bf16 in memory, ties to even; `lanes` says which are written.
RF_INLINE void rf_store_bf16(rf_bf16 *out, __mmask16 lanes, __m512 x) {
  _mm256_mask_storeu_epi16(out, lanes, (__m256i)_mm512_cvtneps_pbh(x));
}

RF_INLINE __mmask16 rf_lanes(size_t count) { return (__mmask16)((1u << count) - 1); }

// 2^f on [-0.5, 0.5] by degree 4: relative error 2.6e-6, a thousandth of the rounding to bf16 that
// follows.
RF_INLINE __m512 rf_exp2_fraction(__m512 f) {
  __m512 y = _mm512_set1_ps(0.0095701018633f);
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.0559178603406f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.240247448315f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.693121814743f));
  return _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.999999261442f));
}

// 2^(s - maximum) without forming s - maximum: 2^f by polynomial, the exponent n - maximum exactly.
// Below 2^-125 it is 0: numbers without full precision would cost more than all others together,
// and count for nothing beside the largest.
RF_INLINE __m512 rf_exp2_below(__m512 s, __m512 maximum) {
  const __m512 n = _mm512_roundscale_ps(s, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 exponent = _mm512_sub_ps(n, maximum);
  const __mmask16 counts = _mm512_cmp_ps_mask(exponent, _mm512_set1_ps(-125.0f), _CMP_NLT_UQ);
  return _mm512_maskz_scalef_ps(counts, rf_exp2_fraction(_mm512_sub_ps(s, n)), exponent);
}
#endif
