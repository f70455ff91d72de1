#include "common.h"

#if defined(__x86_64__)
RF_TARGET void rf_f32_bf16_rms_norm_1xn__avx512bf16(const float *x, const float *weight,
                                                    size_t columns, float epsilon, void *out) {
  assert(columns > 0);
  rf_bf16 *y = out;
  __m512 squares = _mm512_setzero_ps();
  for (size_t i = 0; i < columns; i += 16) {
    const __mmask16 lanes = columns - i >= 16 ? 0xffff : rf_lanes(columns - i);
    const __m512 v = _mm512_maskz_loadu_ps(lanes, x + i);
    squares = _mm512_fmadd_ps(v, v, squares);
  }
  const float scale = 1.0f / sqrtf(_mm512_reduce_add_ps(squares) / (float)columns + epsilon);
  for (size_t i = 0; i < columns; i += 16) {
    const __mmask16 lanes = columns - i >= 16 ? 0xffff : rf_lanes(columns - i);
    const __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), _mm512_set1_ps(scale));
    rf_store_bf16(y + i, lanes, _mm512_mul_ps(v, _mm512_maskz_loadu_ps(lanes, weight + i)));
  }
}
#endif
