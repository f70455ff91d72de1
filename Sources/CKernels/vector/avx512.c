#include "types.h"

#include "../kernel_list.h"
#include "../rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

// A product and a sum may fuse inside one expression, but not across two: s - n must stay exact.
#pragma clang fp contract(on)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define RF_ISA avx512
#define RF_PEAK_CHAINS 10
#define RF_HAS_ROUND
#define RF_HAS_SCALE
#define RF_TILE_ROWS 12
#define RF_TILE_VECTORS 2
#define RF_TILE_FOR_ROWS RF_FOR_ROWS
#define RF_DOT_COLUMNS 4
#define RF_DOT_ROWS_AT_ONCE 3
#define RF_HALVES(bits) ((rf_f32x16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(bits))))
#define RF_LOOK_UP rf_look_up
#define RF_ADD_16_WHERE rf_add_16_where

RF_INLINE rf_u8x64 rf_look_up(rf_u8x16 values, rf_u8x64 indices) {
  const __m512i table = _mm512_broadcast_i32x4((__m128i)values);
  return (rf_u8x64)_mm512_shuffle_epi8(table, (__m512i)indices);
}

RF_INLINE rf_u8x64 rf_add_16_where(rf_u8x64 v, uint64_t mask) {
  return (rf_u8x64)_mm512_mask_add_epi8((__m512i)v, mask, (__m512i)v, _mm512_set1_epi8(16));
}

#include "kernels.h"
#pragma clang attribute pop
#endif
