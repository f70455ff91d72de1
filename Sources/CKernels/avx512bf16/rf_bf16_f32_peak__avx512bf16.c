#include "common.h"

#if defined(__x86_64__)
// Sixteen independent chains of sums: enough to hide the latency of any dot-product unit so far.
RF_TARGET double rf_bf16_f32_peak__avx512bf16(size_t rounds) {
  __m512 sum[16];
  __m512i a = _mm512_set1_epi16(0x3f00), b = _mm512_set1_epi16(0x3e80);
  for (int i = 0; i < 16; i++)
    sum[i] = _mm512_setzero_ps();
  for (size_t round = 0; round < rounds; round++) {
    // As far as the compiler knows, the operands change from round to round.
    __asm__ volatile("" : "+v"(a), "+v"(b));
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++)
      sum[i] = rf_dot(sum[i], a, b);
  }
  for (int i = 1; i < 16; i++)
    sum[0] = _mm512_add_ps(sum[0], sum[i]);
  volatile float keep = _mm512_reduce_add_ps(sum[0]);
  (void)keep;
  return (double)rounds * 16 * 16 * 4;
}
#endif
