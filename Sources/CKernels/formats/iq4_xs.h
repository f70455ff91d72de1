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

RF_INLINE void rf_iq4_xs_scales(const uint8_t *block, rf_scale_slots to) {
  const float d = rf_half(block);
  const int highs = block[2] | block[3] << 8;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) {
    const int low = (block[4 + i / 2] >> 4 * (i % 2)) & 15;
    *rf_scale_slot(to, i, 0) = d * (float)((low | ((highs >> 2 * i) & 3) << 4) - 32);
  }
}

#define RF_FORMAT iq4_xs
#define RF_FORMAT_BYTES 136
#define RF_FORMAT_GROUPS 8
#include "../vector/pack.h"
