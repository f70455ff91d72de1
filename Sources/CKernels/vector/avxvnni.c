#include "types.h"

#include "../kernel_list.h"
#include "../rows.h"

#if defined(__x86_64__)
#include "halves.h"

#pragma clang fp contract(off)
#pragma clang attribute push(__attribute__((target("avx2,fma,avxvnni"))), apply_to = function)
#define RF_ISA avxvnni
#define RF_HAS_ROUND
#define RF_DOT rf_dot_bytes
#define RF_INT8_PEAK_CHAINS 6
#define RF_INT8_ROWS 3
#define RF_INT8_VECTORS 1
#define RF_INT8_FOR_ROWS RF_FOR_ROWS_3
#include "arithmetic.h"

RF_INLINE rf_s32x16 rf_dot_bytes(rf_s32x16 sums, rf_u8x64 weights, rf_s32x16 inputs) {
  const rf_u8x64 s = (rf_u8x64)sums, x = (rf_u8x64)inputs;
  return (rf_s32x16)rf_both_registers(
      _mm256_dpbusd_avx_epi32(rf_low_register(s), rf_low_register(weights), rf_low_register(x)),
      _mm256_dpbusd_avx_epi32(rf_high_register(s), rf_high_register(weights), rf_high_register(x)));
}

#include "int8.h"

#include "int8_peak.h"
#pragma clang attribute pop
#endif
