#include "common.h"

#if defined(__x86_64__)
// silu(x) = x / (1 + 2^(-x log2 e)). A gate below -87 is taken as -87, so that the power stays a
// normal number; results that should be 0 are then at most 1e-36.
RF_TARGET void rf_f32_bf16_swiglu_1xn__avx512bf16(const float *gate, const float *up,
                                                  size_t columns, void *out) {
  rf_bf16 *y = out;
  const __m512 zero = _mm512_setzero_ps();
  for (size_t i = 0; i < columns; i += 16) {
    const __mmask16 lanes = columns - i >= 16 ? 0xffff : rf_lanes(columns - i);
    // If one operand is NaN, max gives the second, so a gate that is NaN stays NaN.
    const __m512 x = _mm512_max_ps(_mm512_set1_ps(-87.0f), _mm512_maskz_loadu_ps(lanes, gate + i));
    __m512 s = _mm512_mul_ps(x, _mm512_set1_ps(-1.44269504f));
    s = _mm512_max_ps(s, _mm512_set1_ps(-126.0f));
    const __m512 denominator = _mm512_add_ps(rf_exp2_below(s, zero), _mm512_set1_ps(1.0f));
    const __m512 silu = _mm512_div_ps(x, denominator);
    rf_store_bf16(y + i, lanes, _mm512_mul_ps(silu, _mm512_maskz_loadu_ps(lanes, up + i)));
  }
}
#endif
