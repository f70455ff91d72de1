#include "types.h"

#include "../kernel_list.h"
#include "../rows.h"

#if defined(__x86_64__)
#include "halves.h"

// A product and a sum may fuse inside one expression, but not across two: s - n must stay exact.
#pragma clang fp contract(on)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define RF_ISA avx2
#define RF_PEAK_CHAINS 5
#define RF_HAS_ROUND
#define RF_TILE_ROWS 6
#define RF_TILE_VECTORS 1
#define RF_TILE_FOR_ROWS RF_FOR_ROWS_6
#define RF_DOT_COLUMNS 3
#define RF_DOT_ROWS_AT_ONCE 1
#define RF_HALVES rf_halves_of_bits
#define RF_LOOK_UP rf_look_up
#define RF_ADD_16_WHERE rf_add_16_where
#define RF_DOT rf_dot_bytes
#define RF_INT8_ROWS 3
#define RF_INT8_VECTORS 1
#define RF_INT8_FOR_ROWS RF_FOR_ROWS_3

RF_INLINE rf_f32x16 rf_halves_of_bits(const uint16_t *bits) {
  const rf_f32x8 low = (rf_f32x8)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)bits));
  const rf_f32x8 high = (rf_f32x8)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(bits + 8)));
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

RF_INLINE rf_u8x64 rf_look_up(rf_u8x16 values, rf_u8x64 indices) {
  const __m256i table = _mm256_broadcastsi128_si256((__m128i)values);
  return rf_both_registers(_mm256_shuffle_epi8(table, rf_low_register(indices)),
                           _mm256_shuffle_epi8(table, rf_high_register(indices)));
}

// 16 in each byte whose bit of the mask is set.
RF_INLINE __m256i rf_16_where(uint32_t mask) {
  const __m256i byte_of =
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bits = _mm256_set1_epi64x((int64_t)0x8040201008040201);
  const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)mask), byte_of);
  return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(spread, bits), bits),
                          _mm256_set1_epi8(16));
}

RF_INLINE rf_u8x64 rf_add_16_where(rf_u8x64 v, uint64_t mask) {
  return v + rf_both_registers(rf_16_where((uint32_t)mask), rf_16_where((uint32_t)(mask >> 32)));
}

// The instruction that multiplies an unsigned and a signed byte saturates its sums of two, so the
// bytes are widened. `inputs` is 4 numbers of 16 bits again and again.
RF_INLINE __m256i rf_dot_register(__m256i weights, __m256i inputs) {
  const __m256i low = _mm256_unpacklo_epi8(weights, _mm256_setzero_si256());
  const __m256i high = _mm256_unpackhi_epi8(weights, _mm256_setzero_si256());
  return _mm256_hadd_epi32(_mm256_madd_epi16(low, inputs), _mm256_madd_epi16(high, inputs));
}

RF_INLINE rf_s32x16 rf_dot_bytes(rf_s32x16 sums, rf_u8x64 weights, rf_s32x16 inputs) {
  const __m256i widened =
      _mm256_cvtepi8_epi16(_mm256_castsi256_si128(rf_low_register((rf_u8x64)inputs)));
  return sums + (rf_s32x16)rf_both_registers(rf_dot_register(rf_low_register(weights), widened),
                                             rf_dot_register(rf_high_register(weights), widened));
}

#include "kernels.h"
#pragma clang attribute pop
#endif
