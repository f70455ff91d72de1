#include "common.h"

#if defined(__x86_64__)
RF_TARGET void rf_f32_bf16_round_1xn__avx512bf16(const float *x, size_t count, void *out) {
  rf_bf16 *y = out;
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = count - i >= 16 ? 0xffff : rf_lanes(count - i);
    rf_store_bf16(y + i, lanes, _mm512_maskz_loadu_ps(lanes, x + i));
  }
}
#endif
