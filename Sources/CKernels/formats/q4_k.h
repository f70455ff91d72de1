// Q4_K (ggml): blocks of 256 weights in 144 bytes.
//
//   0   d, float16
//   2   the minimum's d, float16
//   4   12 bytes: 8 scales and 8 minimums of 6 bits, see rf_k_scales
//   16  4 x 32 bytes: of byte i of quarter j, the low 4 bits are weight 64 j + i and the high 4
//       bits weight 64 j + 32 + i
//
// weight = (d s) q - (dmin m), with s and m for each 32 weights
RF_INLINE rf_quants rf_q4_k_quants(rf_rows rows, size_t group) {
  const size_t first = 16 + 32 * (group / 2), shift = 4 * (group % 2);
  return rf_biased(rf_bits_of_both(rf_load_both(rows, first), shift, 15, 0), 128);
}

// A set is the low or the high halves of the bytes, the high ones where they are: times 16.
RF_INLINE rf_quants rf_q4_k_fours(const uint8_t *block, size_t set) {
  const rf_quants q = rf_load_both(rf_four_parts(block + 16, 32), 0);
  const uint8_t mask = set == 0 ? 0x0f : 0xf0;
  return (rf_quants){q.low & mask, q.high & mask, 128, 4 * (int32_t)set};
}

RF_INLINE void rf_q4_k_scales(rf_sixteen_rows rows, rf_scale_slots to) { rf_k_scales(rows, to); }

#define RF_FORMAT q4_k
#define RF_FORMAT_BYTES 144
#define RF_FORMAT_GROUPS 8
#define RF_FORMAT_MINIMUMS
#define RF_FORMAT_GROUP_OF(set, lane) (2 * (lane) + (set))
#include "../vector/format_kernel.h"
