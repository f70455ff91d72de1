// Q4_0 (ggml): blocks of 32 weights in 18 bytes.
//
//   0   d, float16
//   2   16 bytes: of byte i, the low 4 bits are weight i and the high 4 bits weight 16 + i
//
// weight = d (q - 8)
RF_INLINE rf_quants rf_q4_0_quants(rf_rows rows, size_t group) {
  (void)group;
  return rf_biased(rf_nibbles(rf_load_lanes(rows, 2)), 128 - 8);
}

RF_INLINE void rf_q4_0_scales(rf_sixteen_rows rows, rf_scale_slots to) {
  rf_store_scale(to, 0, 0, rf_floats_of_halves(rows, 0));
}

#define RF_FORMAT q4_0
#define RF_FORMAT_BYTES 18
#define RF_FORMAT_GROUPS 1
#include "../vector/format_kernel.h"
