// Q2_K (ggml): blocks of 256 weights in 84 bytes.
//
//   0   16 bytes, one for each 16 weights: the low 4 bits are the scale s, the high 4 bits the
//       minimum m
//   16  2 x 32 bytes: of byte i of half h, bits 2j and 2j + 1 are weight 128 h + 32 j + i
//   80  d, float16
//   82  the minimum's d, float16
//
// weight = (d s) q - (dmin m)
RF_INLINE rf_quants rf_q2_k_quants(rf_rows rows, size_t group) {
  const size_t first = 16 + 32 * (group / 4), shift = 2 * (group % 4);
  return rf_biased(rf_bits_of_both(rf_load_both(rows, first), shift, 3, 0), 128);
}

RF_INLINE rf_quants rf_q2_k_fours(const uint8_t *block, size_t set) {
  const uint8_t *first = block + 16;
  const rf_quants q = rf_load_both((rf_rows){{first, first, first + 32, first + 32}, 0}, 0);
  return (rf_quants){rf_two_bits(q.low, 4 * (uint32_t)set), rf_two_bits(q.high, 4 * (uint32_t)set),
                     128, 0};
}

RF_INLINE void rf_q2_k_scales(rf_sixteen_rows rows, rf_scale_slots to) {
  const rf_u32x16 both = rf_words(rows, 80);
  const rf_f32x16 d = rf_floats_of_low_halves(both), minimum = rf_floats_of_low_halves(both >> 16);
  rf_u32x16 all[4];
  rf_four_words(rows, 0, all);
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++) {
    const rf_u32x16 words = all[i];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++) {
      const size_t group = 2 * i + j / 2;
      rf_store_scale(to, group, j % 2, d * rf_numbers(words, 8 * j, 15));
      rf_store_minimum(to, group, j % 2, -(minimum * rf_numbers(words, 8 * j + 4, 15)));
    }
  }
}

#define RF_FORMAT q2_k
#define RF_FORMAT_BYTES 84
#define RF_FORMAT_GROUPS 8
#define RF_FORMAT_HALVES
#define RF_FORMAT_MINIMUMS
#define RF_FORMAT_GROUP_OF(set, lane) ((lane) / 2 * 4 + 2 * (set) + (lane) % 2)
#include "../vector/format_kernel.h"
