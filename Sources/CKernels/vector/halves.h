// A vector of 64 bytes as the two registers that hold it where registers have 32.
#pragma once

#include "types.h"

#if defined(__x86_64__)
#include <immintrin.h>

RF_INLINE __attribute__((target("avx"))) __m256i rf_low_register(rf_u8x64 v) {
  return (__m256i)__builtin_shufflevector(v, v, RF_FIRST_32);
}

RF_INLINE __attribute__((target("avx"))) __m256i rf_high_register(rf_u8x64 v) {
  const rf_u64x8 pairs = (rf_u64x8)v;
  return (__m256i)__builtin_shufflevector(pairs, pairs, 4, 5, 6, 7);
}

RF_INLINE __attribute__((target("avx"))) rf_u8x64 rf_both_registers(__m256i low, __m256i high) {
  return __builtin_shufflevector((rf_u8x32)low, (rf_u8x32)high, RF_FIRST_64);
}
#endif
