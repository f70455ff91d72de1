// Q5_0 (ggml): blocks of 32 weights in 22 bytes.
//
//   0   d, float16
//   2   4 bytes: bit i is the fifth bit of weight i
//   6   16 bytes: of byte i, the low 4 bits are of weight i and the high 4 bits of weight 16 + i
//
// weight = d (q - 16)
RF_INLINE rf_quants rf_q5_0_quants(rf_rows rows, size_t group) {
  (void)group;
  return rf_biased(rf_with_fifth_bits(rf_nibbles(rf_load_lanes(rows, 6)), rows, 2), 128 - 16);
}

RF_INLINE void rf_q5_0_scales(rf_sixteen_rows rows, rf_scale_slots to) {
  rf_store_scale(to, 0, 0, rf_floats_of_halves(rows, 0));
}

#define RF_FORMAT q5_0
#define RF_FORMAT_BYTES 22
#define RF_FORMAT_GROUPS 1
#include "../vector/format_kernel.h"
