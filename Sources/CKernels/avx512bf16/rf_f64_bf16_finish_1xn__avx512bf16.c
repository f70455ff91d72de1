#include "common.h"

#if defined(__x86_64__)
// Float64 to bf16 in one rounding: an addition at bit 45 rounds the significand to 8 bits, then
// narrowing is exact. Below 2^-126 bf16 has fewer bits; there the other bits are cut off.
RF_TARGET void rf_f64_bf16_finish_1xn__avx512bf16(const double *o, const double *rest,
                                                  size_t columns, double sum, void *out) {
  assert(!rest);
  (void)rest;
  rf_bf16 *y = out;
  const __m512i half = _mm512_set1_epi64(0x0fffffffffffll);
  const __m512i kept = _mm512_set1_epi64(~0x1fffffffffffll), one = _mm512_set1_epi64(1);
  for (size_t i = 0; i < columns; i += 8) {
    const __mmask8 lanes = columns - i >= 8 ? 0xff : (__mmask8)((1u << (columns - i)) - 1);
    const __m512d x = _mm512_div_pd(_mm512_maskz_loadu_pd(lanes, o + i), _mm512_set1_pd(sum));
    __m512i bits = _mm512_castpd_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi64(bits, 45), one);
    bits = _mm512_and_si512(_mm512_add_epi64(_mm512_add_epi64(bits, half), odd), kept);
    const __mmask8 nan = _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q);
    const __m512d rounded = _mm512_mask_mov_pd(_mm512_castsi512_pd(bits), nan, x);
    const __m256i narrow = _mm256_castps_si256(_mm512_cvtpd_ps(rounded));
    _mm_mask_storeu_epi16(y + i, lanes, _mm256_cvtepi32_epi16(_mm256_srli_epi32(narrow, 16)));
  }
}
#endif
