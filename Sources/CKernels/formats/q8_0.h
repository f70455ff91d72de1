// Q8_0 (ggml): blocks of 32 weights in 34 bytes.
//
//   0   d, float16
//   2   32 signed bytes
//
// weight = d q
RF_INLINE rf_quants rf_q8_0_quants(rf_rows rows, size_t group) {
  (void)group;
  const rf_quants q = rf_load_both(rows, 2);
  // A signed byte plus 128 is the byte with its first bit turned.
  return (rf_quants){q.low ^ 0x80, q.high ^ 0x80, 0};
}

RF_INLINE void rf_q8_0_scales(rf_sixteen_rows rows, rf_scale_slots to) {
  rf_store_scale(to, 0, 0, rf_floats_of_halves(rows, 0));
}

#define RF_FORMAT q8_0
#define RF_FORMAT_BYTES 34
#define RF_FORMAT_GROUPS 1
#include "../vector/format_kernel.h"
