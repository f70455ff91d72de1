// All vector microkernels for one instruction set. The including file sets a target attribute and
// defines RF_ISA (the suffix of the names), RF_PEAK_CHAINS (see the peak), what dots.h and
// formats.h need, and, if the CPU has it: RF_HAS_ROUND (it rounds vectors to integers),
// RF_HAS_SCALE (it multiplies vectors by powers of two), and what tiles.h needs (it has fused
// multiply-add).

#if !defined(RF_ISA) || !defined(RF_PEAK_CHAINS)
#error "Define RF_ISA and RF_PEAK_CHAINS before this header."
#endif

#include "arithmetic.h"

#include "../states.h"

// Which of the keys [first, first + 16) lie in [begin, end).
RF_INLINE rf_s32x16 rf_visible(size_t first, size_t begin, size_t end) {
  const rf_s32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  rf_s32x16 key = lane + (int32_t)first;
  return (key >= (int32_t)begin) & (key < (int32_t)end);
}

// silu(gate) * up, silu(x) = x / (1 + 2^(-x log2 e)). A gate below -87 is taken as -87, so that the
// power stays a normal number; results that should be 0 are then at most 1e-36.
RF_INLINE rf_f32x16 rf_swiglu(rf_f32x16 gate, rf_f32x16 up) {
  gate = rf_select(gate < -87.0f, rf_splat(-87.0f), gate);
  rf_f32x16 s = gate * -1.44269504f;
  s = rf_select(s < -126.0f, rf_splat(-126.0f), s);
  rf_f32x16 power = rf_exp2_below(s, 0.0f);
  return gate / (power + 1.0f) * up;
}

// gelu(gate) * up with the tanh form of GELU, gelu(x) = x / (1 + 2^(-2 u log2 e)), u = sqrt(2 / pi)
// (x + 0.044715 x^3). A gate below -20 is taken as -20, and the power is at most 2^126; results
// that should be 0 are then at most 3e-37.
RF_INLINE rf_f32x16 rf_geglu(rf_f32x16 gate, rf_f32x16 up) {
  gate = rf_select(gate < -20.0f, rf_splat(-20.0f), gate);
  rf_f32x16 s = gate * (gate * gate * -0.102943240f + -2.30220820f);
  s = rf_select(s < -126.0f, rf_splat(-126.0f), s);
  s = rf_select(s > 126.0f, rf_splat(126.0f), s);
  return gate / (rf_exp2_below(s, 0.0f) + 1.0f) * up;
}

// tanh(x): below 0.625 it is x + x^3 P(x^2) (Moshier, Cephes), otherwise 1 - 2 / (e^2|x| + 1) with
// the sign of x.
RF_INLINE rf_f32x16 rf_tanh(rf_f32x16 x) {
  rf_f32x16 square = x * x;
  rf_f32x16 p = rf_splat(-5.70498872745e-3f);
  p = p * square + 2.06390887954e-2f;
  p = p * square + -5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square + -3.33332819422e-1f;
  rf_f32x16 small = p * square * x + x;
  rf_f32x16 magnitude = (rf_f32x16)((rf_s32x16)x & 0x7fffffff);
  // From 10 on, tanh is 1 in float32.
  rf_f32x16 s = rf_select(magnitude > 10.0f, rf_splat(10.0f), magnitude) * 2.88539008f;
  rf_f32x16 large = 1.0f - 2.0f / (rf_exp2_below(s, 0.0f) + 1.0f);
  large = (rf_f32x16)((rf_s32x16)large | ((rf_s32x16)x & (int32_t)0x80000000));
  return rf_select(magnitude < 0.625f, small, rf_select(x == x, large, x));
}

// Float64 to bf16 in one rounding: an addition at bit 45 rounds the significand to 8 bits, then
// narrowing is exact, except for numbers below 2^-126.
RF_INLINE float rf_round_f64_to_bf16(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x == x)
    bits = (bits + 0x0fffffffffffull + ((bits >> 45) & 1)) & ~0x1fffffffffffull;
  memcpy(&x, &bits, sizeof bits);
  return (float)x;
}

#if defined(RF_TILE_ROWS)
#include "tiles.h"
#endif

#define RF_INPUT f32
#define RF_TO_INPUT(v) (v)
#define RF_TO_INPUT_F64(x) ((float)(x))
#define RF_EXP2_BELOW(s, maximum) rf_exp2_below(s, maximum)
#define RF_HAS_REST true
#define RF_SUM_WITH_REST(o, rest) ((o) + (rest))
#include "to_input.h"

#define RF_INPUT f32bf16
#define RF_TO_INPUT(v) rf_round_to_bf16(v)
#define RF_TO_INPUT_F64(x) rf_round_f64_to_bf16(x)
#define RF_EXP2_BELOW(s, maximum) rf_exp2_below_rounded(s, maximum)
#define RF_HAS_REST false
#define RF_SUM_WITH_REST(o, rest) (o)
#include "to_input.h"

#include "heads.h"

void RF_NAME(f32, f32, group_sums_nx256)(size_t rows, const void *p, float *sums) {
  const float *keys = p;
  for (size_t group = 0; group < rows * RF_BLOCK_KEYS / 16; group++)
    sums[group] = rf_sum(rf_load(keys + 16 * group));
}

void RF_NAME(bf16, f32, widen_1xn)(const rf_bf16 *x, size_t count, float *out) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    rf_store(out + i, rf_widen(x + i));
  if (i < count) {
    rf_f32x16 v = rf_widen_tail(x + i, count - i);
    memcpy(out + i, &v, (count - i) * sizeof(float));
  }
}

void RF_NAME(f32, f32, soft_cap_1xn)(float *x, size_t count, float inner, float outer) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    rf_store(x + i, rf_tanh(rf_load(x + i) * inner) * outer);
  if (i < count) {
    rf_f32x16 v = rf_tanh(rf_load_tail(x + i, count - i) * inner) * outer;
    memcpy(x + i, &v, (count - i) * sizeof(float));
  }
}

void RF_NAME(f32, f64, merge_1xn)(const float *block, size_t columns, double *o, double *rest,
                                  double alpha, double beta) {
  if (!rest) {
    for (size_t i = 0; i < columns; i++)
      o[i] = o[i] * alpha + (double)block[i] * beta;
    return;
  }
  // Knuth's two-sum gives the rounding error of the sum. Both operands are exact.
  for (size_t i = 0; i < columns; i++) {
    const double a = o[i] * alpha, b = (double)block[i] * beta;
    const double sum = a + b, seen = sum - a;
    const double left = a - (sum - seen), right = b - seen;
    o[i] = sum;
    rest[i] = rest[i] * alpha + (left + right);
  }
}

#include "float8.h"

#include "dots.h"

#include "int8_rows.h"

#define RF_FORMAT_KERNEL "pack.h"
#include "formats.h"

#if defined(RF_DOT)
#include "int8.h"
#endif

// Independent chains of 16 lanes. They take 8 registers or more, to hide the latency of two
// multiply-add units, and no more registers than the CPU has.
double RF_NAME(f32, f32, peak)(size_t rounds) {
  rf_f32x16 sum[RF_PEAK_CHAINS];
  rf_f32x16 factor = rf_splat(0.999f), addend = rf_splat(0.001f);
  for (int i = 0; i < RF_PEAK_CHAINS; i++)
    sum[i] = rf_splat((float)i);
  for (size_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < RF_PEAK_CHAINS; i++)
      sum[i] = sum[i] * factor + addend;
  }
  for (int i = 1; i < RF_PEAK_CHAINS; i++)
    sum[0] += sum[i];
  volatile float keep = rf_sum(sum[0]);
  (void)keep;
  return (double)rounds * RF_PEAK_CHAINS * 16 * 2;
}

uint64_t RF_NAME(u64, u64, read)(const void *memory, size_t bytes) {
  assert(bytes % 512 == 0);
  const rf_u64x8 *words = memory;
  rf_u64x8 sum[8] = {0};
  for (size_t i = 0; i < bytes / 64; i += 8)
    for (int j = 0; j < 8; j++) {
      __builtin_prefetch((const char *)(words + i + (size_t)j) + RF_PREFETCH_BYTES, 0, 2);
      sum[j] += words[i + (size_t)j];
    }
  for (int j = 1; j < 8; j++)
    sum[0] += sum[j];
  return sum[0][0] + sum[0][1] + sum[0][2] + sum[0][3] + sum[0][4] + sum[0][5] + sum[0][6] +
         sum[0][7];
}
