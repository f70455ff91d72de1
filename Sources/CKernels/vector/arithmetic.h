// Included once by each instruction set's file, under its target attribute: what the templates
// beside it share.

RF_INLINE rf_f32x16 rf_load(const float *x) {
  rf_f32x16 v;
  memcpy(&v, x, sizeof v);
  return v;
}

RF_INLINE void rf_store(float *x, rf_f32x16 v) { memcpy(x, &v, sizeof v); }

RF_INLINE rf_f32x16 rf_load_tail(const float *x, size_t count) {
  rf_f32x16 v = {0};
  memcpy(&v, x, count * sizeof(float));
  return v;
}

RF_INLINE rf_f32x16 rf_select(rf_s32x16 mask, rf_f32x16 a, rf_f32x16 b) {
  return (rf_f32x16)(((rf_s32x16)a & mask) | ((rf_s32x16)b & ~mask));
}

RF_INLINE rf_f32x16 rf_splat(float x) { return (rf_f32x16){0} + x; }

// Lanes are added in halves: 8 + 8, 4 + 4, 2 + 2, 1 + 1.
RF_INLINE float rf_sum(rf_f32x16 v) {
  float lane[16];
  rf_store(lane, v);
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; i++)
      lane[i] += lane[i + width];
  return lane[0];
}

RF_INLINE float rf_largest(rf_f32x16 v) {
  float lane[16];
  rf_store(lane, v);
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; i++)
      lane[i] = lane[i] > lane[i + width] ? lane[i] : lane[i + width];
  return lane[0];
}

// To the nearest integer, ties to even.
RF_INLINE rf_f32x16 rf_round_to_integer(rf_f32x16 x) {
#if defined(RF_HAS_ROUND)
  return __builtin_elementwise_roundeven(x);
#else
  // Adding 1.5 * 2^23 leaves no bits for a fraction; numbers beyond 2^22 have none that matters
  // here.
  rf_f32x16 large = rf_splat(12582912.0f);
  rf_f32x16 rounded = (x + large) - large;
  rf_f32x16 magnitude = (rf_f32x16)((rf_s32x16)x & 0x7fffffff);
  return rf_select(magnitude < 4194304.0f, rounded, x);
#endif
}

// 2^(n + f - maximum) for n + f = s, n = round(s): s - maximum itself is never formed, so that the
// same s under another maximum gives the same bits times a power of two. Below 2^-125 it is 0:
// numbers without full precision would cost more than all others together, and count for nothing
// beside the largest.
RF_INLINE rf_f32x16 rf_exp2_below(rf_f32x16 s, float maximum) {
  rf_f32x16 n = rf_round_to_integer(s);
  rf_f32x16 f = s - n;
  rf_f32x16 y = rf_splat(RF_EXP2_C6);
  y = y * f + RF_EXP2_C5;
  y = y * f + RF_EXP2_C4;
  y = y * f + RF_EXP2_C3;
  y = y * f + RF_EXP2_C2;
  y = y * f + RF_EXP2_C1;
  y = y * f + RF_EXP2_C0;
  rf_f32x16 exponent = n - maximum;
  exponent = rf_select(exponent >= -125.0f, exponent, rf_splat(-127.0f));
  rf_s32x16 power = (__builtin_convertvector(exponent, rf_s32x16) + 127) << 23;
  return y * (rf_f32x16)power;
}

// The nearest bf16 value, ties to even, as float32; NaN stays NaN.
RF_INLINE rf_f32x16 rf_round_to_bf16(rf_f32x16 x) {
  rf_u32x16 bits = (rf_u32x16)x;
  rf_u32x16 rounded = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u;
  return rf_select(x == x, (rf_f32x16)rounded, x);
}

RF_INLINE rf_f32x16 rf_widen(const rf_bf16 *x) {
  rf_u16x16 v;
  memcpy(&v, x, sizeof v);
  return (rf_f32x16)(__builtin_convertvector(v, rf_u32x16) << 16);
}

RF_INLINE rf_f32x16 rf_widen_tail(const rf_bf16 *x, size_t count) {
  rf_bf16 padded[16] = {0};
  memcpy(padded, x, count * sizeof(rf_bf16));
  return rf_widen(padded);
}
