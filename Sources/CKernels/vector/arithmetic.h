// What the other headers here share. Each instruction set's file includes it once, under its target
// attribute.

#if !defined(RF_ISA)
#error "Define RF_ISA before this header."
#endif

#define RF_JOIN_(input, output, operation, isa) rf_##input##_##output##_##operation##__##isa
#define RF_JOIN(input, output, operation, isa) RF_JOIN_(input, output, operation, isa)
#define RF_NAME(input, output, operation) RF_JOIN(input, output, operation, RF_ISA)

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

// Those of 16 lanes that are below `columns`, counted from `first` on.
RF_INLINE rf_f32x16 rf_load_columns(const float *x, size_t columns, size_t first) {
  if (columns >= first + 16)
    return rf_load(x);
  return columns > first ? rf_load_tail(x, columns - first) : (rf_f32x16){0};
}

RF_INLINE rf_f32x16 rf_select(rf_s32x16 mask, rf_f32x16 a, rf_f32x16 b) {
  return (rf_f32x16)(((rf_s32x16)a & mask) | ((rf_s32x16)b & ~mask));
}

// Written out, because {0} + x would be an addition.
RF_INLINE rf_f32x16 rf_splat(float x) {
  return (rf_f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

RF_INLINE rf_s32x16 rf_splat_s32(int32_t x) {
  return (rf_s32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

RF_INLINE rf_f64x8 rf_load_f64(const double *x) {
  rf_f64x8 v;
  memcpy(&v, x, sizeof v);
  return v;
}

RF_INLINE void rf_store_f64(double *x, rf_f64x8 v) { memcpy(x, &v, sizeof v); }

RF_INLINE rf_f64x8 rf_splat_f64(double x) { return (rf_f64x8){x, x, x, x, x, x, x, x}; }

RF_INLINE rf_f32x8 rf_low_half(rf_f32x16 v) {
  return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
}

RF_INLINE rf_f32x8 rf_high_half(rf_f32x16 v) {
  return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
}

// The sum of all lanes. Halves are added: 8 + 8 lanes, then 4 + 4, 2 + 2, 1 + 1.
RF_INLINE float rf_sum(rf_f32x16 v) {
  rf_f32x8 x = rf_low_half(v) + rf_high_half(v);
  x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3);
  x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5);
  return x[0] + x[1];
}

// The larger of each two lanes; that of b where either is NaN.
RF_INLINE rf_f32x16 rf_maximum(rf_f32x16 a, rf_f32x16 b) { return rf_select(a > b, a, b); }

RF_INLINE float rf_largest(rf_f32x16 v) {
  v = rf_maximum(
      v, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  v = rf_maximum(
      v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  v = rf_maximum(
      v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  return v[0] > v[1] ? v[0] : v[1];
}

// To the nearest integer, ties to even.
RF_INLINE rf_f32x16 rf_round_to_integer(rf_f32x16 x) {
#if defined(RF_HAS_ROUND)
  return __builtin_elementwise_roundeven(x);
#else
  // A sum with 1.5 * 2^23 has no bits for a fraction. Numbers from 2^22 on have at most one such
  // bit, which does not matter here.
  rf_f32x16 large = rf_splat(12582912.0f);
  rf_f32x16 rounded = (x + large) - large;
  rf_f32x16 magnitude = (rf_f32x16)((rf_s32x16)x & 0x7fffffff);
  return rf_select(magnitude < 4194304.0f, rounded, x);
#endif
}

// The largest integer that is not above x.
RF_INLINE rf_f32x16 rf_floor(rf_f32x16 x) {
#if defined(RF_HAS_ROUND)
  return __builtin_elementwise_floor(x);
#else
  rf_f32x16 n = rf_round_to_integer(x);
  return rf_select(n > x, n - 1.0f, n);
#endif
}

// y * 2^exponent, or 0 for exponents below -125: subnormal numbers would take more time than all
// others together, and beside the largest result they count for nothing. `exponent` is an integer,
// at most 127.
RF_INLINE rf_f32x16 rf_scale(rf_f32x16 y, rf_f32x16 exponent) {
#if defined(RF_HAS_SCALE)
  const __mmask16 counts = _mm512_cmp_ps_mask(exponent, rf_splat(-125.0f), _CMP_NLT_UQ);
  return _mm512_maskz_scalef_ps(counts, y, exponent);
#else
  exponent = rf_select(exponent < -125.0f, rf_splat(-127.0f), exponent);
  rf_s32x16 power = (__builtin_convertvector(exponent, rf_s32x16) + 127) << 23;
  return y * (rf_f32x16)power;
#endif
}

// 2^(s - maximum), computed as 2^f * 2^(n - maximum) with n = round(s) and f = s - n. The
// difference s - maximum is never computed, because it would be rounded: with another maximum, the
// same s gives the same bits times a power of two.
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
  return rf_scale(y, n - maximum);
}

// The same, rounded to bf16. With n = floor(s), 2^f is in [1, 2], where neighbouring bf16 numbers
// are 2^-7 apart. So are float32 numbers near 1.5 * 2^16: the last addition of the polynomial,
// which adds that too, rounds to bf16, ties to even. Before it the relative error is 2.9e-6, a
// thousandth of that of the rounding.
RF_INLINE rf_f32x16 rf_exp2_below_rounded(rf_f32x16 s, float maximum) {
  const float steps = 98304.0f;
  rf_f32x16 n = rf_floor(s);
  rf_f32x16 f = s - n;
  rf_f32x16 y = rf_splat(0.0134266897624f);
  y = y * f + 0.0522424651977f;
  y = y * f + 0.241280209146f;
  y = y * f + 0.693044844302f;
  y = y * f + (1.0f + steps);
  return rf_scale(y - steps, n - maximum);
}

// The nearest bf16 value as float32, ties to even. NaN stays NaN.
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

// The first, or the second, bf16 of each of 16 pairs, as float32.
RF_INLINE rf_f32x16 rf_widen_first(rf_u32x16 pairs) { return (rf_f32x16)(pairs << 16); }
RF_INLINE rf_f32x16 rf_widen_second(rf_u32x16 pairs) { return (rf_f32x16)(pairs & 0xffff0000u); }

RF_INLINE rf_f32x16 rf_widen_tail(const rf_bf16 *x, size_t count) {
  rf_bf16 padded[16] = {0};
  memcpy(padded, x, count * sizeof(rf_bf16));
  return rf_widen(padded);
}
