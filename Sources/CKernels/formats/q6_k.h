// Q6_K (ggml): blocks of 256 weights in 210 bytes.
//
//   0   2 x 64 bytes: of byte 32 k + i of half h (k 0 or 1), the low 4 bits are of weight
//       128 h + 32 k + i and the high 4 bits of weight 128 h + 64 + 32 k + i
//   128 2 x 32 bytes: of byte i of half h, bits 2j and 2j + 1 are the high bits of weight
//       128 h + 32 j + i
//   192 16 signed bytes: the scale s of each 16 weights
//   208 d, float16
//
// weight = (d s) (q - 32)
RF_INLINE rf_quants rf_q6_k_quants(rf_rows rows, size_t group) {
  const size_t low = 64 * (group / 4) + 32 * (group % 2), low_shift = 4 * (group % 4 / 2);
  const size_t high = 128 + 32 * (group / 4), high_shift = 2 * (group % 4);
  const rf_quants lows = rf_bits_of_both(rf_load_both(rows, low), low_shift, 15, 0);
  const rf_quants highs = rf_bits_of_both(rf_load_both(rows, high), high_shift, 3, 4);
  return rf_biased(rf_joined(lows, highs), 128 - 32);
}

RF_INLINE rf_quants rf_q6_k_fours(const uint8_t *block, size_t set) {
  const rf_quants low = rf_bits_of_both(rf_load_both(rf_four_parts(block, 32), 0), 4 * set, 15, 0);
  const uint8_t *high = block + 128;
  const rf_quants two = rf_load_both((rf_rows){{high, high, high + 32, high + 32}, 0}, 0);
  const uint32_t first = 4 * (uint32_t)set;
  return (rf_quants){low.low | (rf_two_bits(two.low, first) << 4),
                     low.high | (rf_two_bits(two.high, first) << 4), 128 - 32, 0};
}

RF_INLINE void rf_q6_k_scales(rf_sixteen_rows rows, rf_scale_slots to) {
  const rf_f32x16 d = rf_floats_of_halves(rows, 208);
  rf_u32x16 all[4];
  rf_four_words(rows, 192, all);
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++) {
    const rf_s32x16 words = (rf_s32x16)all[i];
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++)
      rf_store_scale(to, 2 * i + (size_t)j / 2, (size_t)j % 2,
                     d * __builtin_convertvector((words << (24 - 8 * j)) >> 24, rf_f32x16));
  }
}

#define RF_FORMAT q6_k
#define RF_FORMAT_BYTES 210
#define RF_FORMAT_GROUPS 8
#define RF_FORMAT_HALVES
#define RF_FORMAT_GROUP_OF(set, lane) ((lane) / 2 * 4 + 2 * (set) + (lane) % 2)
#include "../vector/format_kernel.h"
