#include "types.h"

#include "../kernel_list.h"
#include "../rows.h"

#if defined(__x86_64__)
#include "halves.h"

#pragma clang fp contract(off)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"))),                  \
    apply_to = function)
#define RF_ISA avx512vnni
#define RF_HAS_ROUND
#define RF_DOT rf_dot_bytes
#define RF_INT8_PEAK_CHAINS 12
#define RF_INT8_ROWS 6
#define RF_INT8_VECTORS 2
#define RF_INT8_FOR_ROWS RF_FOR_ROWS_6
#include "arithmetic.h"

RF_INLINE rf_s32x16 rf_dot_bytes(rf_s32x16 sums, rf_u8x64 weights, rf_s32x16 inputs) {
  return (rf_s32x16)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)weights, (__m512i)inputs);
}

#include "int8.h"

// Independent chains, enough to hide the latency of two units.
double rf_u8s8_s32_peak__avx512vnni(size_t rounds) {
  rf_s32x16 sums[RF_INT8_PEAK_CHAINS];
  rf_u8x64 weights = (rf_u8x64)rf_splat_s32(0x03010203);
  for (int i = 0; i < RF_INT8_PEAK_CHAINS; i++)
    sums[i] = rf_splat_s32(i);
  for (size_t round = 0; round < rounds; round++) {
    // Otherwise the compiler adds up all rounds in one.
    __asm__ volatile("" : "+m"(weights));
#pragma clang loop unroll(full)
    for (int i = 0; i < RF_INT8_PEAK_CHAINS; i++)
      sums[i] = rf_dot_bytes(sums[i], weights, (rf_s32x16)weights);
  }
  for (int i = 1; i < RF_INT8_PEAK_CHAINS; i++)
    sums[0] += sums[i];
  volatile int32_t keep = sums[0][0];
  (void)keep;
  return (double)rounds * RF_INT8_PEAK_CHAINS * 64 * 2;
}
#pragma clang attribute pop
#endif
