#include "common.h"

#if defined(__x86_64__)
// gelu(x) = x / (1 + 2^(-2 u log2 e)), u = sqrt(2 / pi) (x + 0.044715 x^3). A gate below -20 is
// taken as -20, and the power is at most 2^126; results that should be 0 are then at most 3e-37.
RF_TARGET void rf_f32_bf16_geglu_1xn__avx512bf16(const float *gate, const float *up, size_t columns,
                                                 void *out) {
  rf_bf16 *y = out;
  const __m512 zero = _mm512_setzero_ps();
  for (size_t i = 0; i < columns; i += 16) {
    const __mmask16 lanes = columns - i >= 16 ? 0xffff : rf_lanes(columns - i);
    // If one operand is NaN, max and min give the second, so a gate that is NaN stays NaN.
    const __m512 x = _mm512_max_ps(_mm512_set1_ps(-20.0f), _mm512_maskz_loadu_ps(lanes, gate + i));
    __m512 s = _mm512_fmadd_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(-0.102943240f),
                               _mm512_set1_ps(-2.30220820f));
    s = _mm512_max_ps(_mm512_set1_ps(-126.0f), _mm512_mul_ps(s, x));
    s = _mm512_min_ps(_mm512_set1_ps(126.0f), s);
    const __m512 denominator = _mm512_add_ps(rf_exp2_below(s, zero), _mm512_set1_ps(1.0f));
    const __m512 gelu = _mm512_div_ps(x, denominator);
    rf_store_bf16(y + i, lanes, _mm512_mul_ps(gelu, _mm512_maskz_loadu_ps(lanes, up + i)));
  }
}
#endif
