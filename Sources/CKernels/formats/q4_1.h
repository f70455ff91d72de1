// Q4_1 (ggml): blocks of 32 weights in 20 bytes.
//
//   0   d, float16
//   2   m, float16
//   4   16 bytes: of byte i, the low 4 bits are weight i and the high 4 bits weight 16 + i
//
// weight = d q + m
RF_INLINE rf_quants rf_q4_1_quants(rf_rows rows, size_t group) {
  (void)group;
  return rf_biased(rf_nibbles(rf_load_lanes(rows, 4)), 128);
}

RF_INLINE void rf_q4_1_scales(rf_sixteen_rows rows, rf_scale_slots to) {
  rf_store_scale(to, 0, 0, rf_floats_of_halves(rows, 0));
  rf_store_minimum(to, 0, 0, rf_floats_of_halves(rows, 2));
}

#define RF_FORMAT q4_1
#define RF_FORMAT_BYTES 20
#define RF_FORMAT_GROUPS 1
#define RF_FORMAT_MINIMUMS
#include "../vector/format_kernel.h"
