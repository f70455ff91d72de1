#include "types.h"

#include "../kernel_list.h"
#include "../rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

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

#define RF_FORMAT_KERNEL "dot_blocks.h"
#include "avx512_formats.h"
#include "formats.h"
#include "int8_peak.h"
#pragma clang attribute pop
#endif
