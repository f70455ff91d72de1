// IQ4_XS (ggml): blocks of 256 weights in 136 bytes.
//
//   0   d, float16
//   2   2 bytes: bits 2j and 2j + 1 are the high bits of scale j
//   4   4 bytes: of byte i, the low 4 bits are of scale 2i and the high 4 bits of scale 2i + 1
//   8   8 x 16 bytes: of byte i of part j, the low 4 bits are weight 32 j + i and the high 4 bits
//       weight 32 j + 16 + i
//
// weight = (d (s - 32)) v[q], with the values v of IQ4_NL and a scale s for each 32 weights
RF_INLINE rf_quants rf_iq4_xs_quants(rf_rows rows, size_t group) {
  return rf_looked_up(rf_nibbles(rf_load_lanes(rows, 8 + 16 * group)), RF_IQ4_VALUES);
}

RF_INLINE rf_quants rf_iq4_xs_fours(const uint8_t *block, size_t set) {
  return rf_looked_up(rf_nibbles(rf_load_lanes(rf_four_parts(block + 8 + 64 * set, 16), 0)),
                      RF_IQ4_VALUES);
}

RF_INLINE void rf_iq4_xs_scales(rf_sixteen_rows rows, rf_scale_slots to) {
  rf_u32x16 words[4];
  rf_four_words(rows, 0, words);
  const rf_f32x16 d = rf_floats_of_low_halves(words[0]);
  const rf_u32x16 highs = words[0] >> 16, lows = words[1];
#pragma clang loop unroll(full)
  for (uint32_t i = 0; i < 8; i++) {
    const rf_u32x16 scale = ((lows >> (4 * i)) & 15) | (((highs >> (2 * i)) & 3) << 4);
    rf_store_scale(to, i, 0, d * (rf_numbers(scale, 0, 63) - 32.0f));
  }
}

#define RF_FORMAT iq4_xs
#define RF_FORMAT_BYTES 136
#define RF_FORMAT_GROUPS 8
#define RF_FORMAT_GROUP_OF(set, lane) (4 * (set) + (lane))
#include "../vector/format_kernel.h"
