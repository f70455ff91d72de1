// Vectors of four 128-bit lanes.
#pragma once

// Transposes 4 x 4 words in each lane of four vectors.
RF_INLINE void rf_transpose_in_lanes(rf_u32x16 v[4]) {
  const rf_u64x8 a = (rf_u64x8)__builtin_shufflevector(v[0], v[1], RF_LOW_WORDS);
  const rf_u64x8 b = (rf_u64x8)__builtin_shufflevector(v[0], v[1], RF_HIGH_WORDS);
  const rf_u64x8 c = (rf_u64x8)__builtin_shufflevector(v[2], v[3], RF_LOW_WORDS);
  const rf_u64x8 d = (rf_u64x8)__builtin_shufflevector(v[2], v[3], RF_HIGH_WORDS);
  v[0] = (rf_u32x16)__builtin_shufflevector(a, c, RF_LOW_PAIRS);
  v[1] = (rf_u32x16)__builtin_shufflevector(a, c, RF_HIGH_PAIRS);
  v[2] = (rf_u32x16)__builtin_shufflevector(b, d, RF_LOW_PAIRS);
  v[3] = (rf_u32x16)__builtin_shufflevector(b, d, RF_HIGH_PAIRS);
}

// Lanes 0 and 2 of two vectors, and lanes 1 and 3.
RF_INLINE rf_u32x16 rf_even_lanes(rf_u32x16 a, rf_u32x16 b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
}

RF_INLINE rf_u32x16 rf_odd_lanes(rf_u32x16 a, rf_u32x16 b) {
  return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

// Lane i of v[j] becomes lane j of v[i].
RF_INLINE void rf_transpose_lanes(rf_u32x16 v[4]) {
  const rf_u32x16 even_01 = rf_even_lanes(v[0], v[1]), odd_01 = rf_odd_lanes(v[0], v[1]);
  const rf_u32x16 even_23 = rf_even_lanes(v[2], v[3]), odd_23 = rf_odd_lanes(v[2], v[3]);
  v[0] = rf_even_lanes(even_01, even_23);
  v[1] = rf_even_lanes(odd_01, odd_23);
  v[2] = rf_odd_lanes(even_01, even_23);
  v[3] = rf_odd_lanes(odd_01, odd_23);
}

// Four lanes of four sums each of all of four vectors: the total of lane L of v[j] is word j of
// lane L.
RF_INLINE rf_s32x16 rf_lane_totals(const rf_s32x16 v[4]) {
  const rf_s32x16 a = __builtin_shufflevector(v[0], v[1], RF_LOW_WORDS) +
                      __builtin_shufflevector(v[0], v[1], RF_HIGH_WORDS);
  const rf_s32x16 b = __builtin_shufflevector(v[2], v[3], RF_LOW_WORDS) +
                      __builtin_shufflevector(v[2], v[3], RF_HIGH_WORDS);
  return (rf_s32x16)__builtin_shufflevector((rf_u64x8)a, (rf_u64x8)b, RF_LOW_PAIRS) +
         (rf_s32x16)__builtin_shufflevector((rf_u64x8)a, (rf_u64x8)b, RF_HIGH_PAIRS);
}

// 16 bytes in all lanes.
RF_INLINE rf_s32x16 rf_all_lanes(const int8_t *bytes) {
  rf_u8x16 lane;
  memcpy(&lane, bytes, sizeof lane);
  const rf_u8x32 two = __builtin_shufflevector(lane, lane, RF_FIRST_32);
  return (rf_s32x16)__builtin_shufflevector(two, two, RF_FIRST_64);
}

// 4 x 32 bytes: the first 16 of each as lanes of a vector, and the last 16.
RF_INLINE void rf_arrange_lanes(const int8_t *bytes, rf_s32x16 lanes[2]) {
  rf_u32x16 x[2];
  memcpy(x, bytes, sizeof x);
  lanes[0] = (rf_s32x16)rf_even_lanes(x[0], x[1]);
  lanes[1] = (rf_s32x16)rf_odd_lanes(x[0], x[1]);
}
