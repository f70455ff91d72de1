// Q5_K (ggml): blocks of 256 weights in 176 bytes.
//
//   0   d, float16
//   2   the minimum's d, float16
//   4   12 bytes: 8 scales and 8 minimums of 6 bits, see rf_k_scales
//   16  32 bytes: of byte i, bit j is the fifth bit of weight 32 j + i
//   48  4 x 32 bytes: of byte i of quarter j, the low 4 bits are of weight 64 j + i and the high 4
//       bits of weight 64 j + 32 + i
//
// weight = (d s) q - (dmin m), with s and m for each 32 weights
RF_INLINE rf_quants rf_q5_k_quants(rf_rows rows, size_t group) {
  const size_t first = 48 + 32 * (group / 2), shift = 4 * (group % 2);
  const rf_quants low = rf_bits_of_both(rf_load_both(rows, first), shift, 15, 0);
  const rf_quants high = rf_bits_of_both(rf_load_both(rows, 16), group, 1, 4);
  return rf_biased(rf_joined(low, high), 128);
}

RF_INLINE rf_quants rf_q5_k_fours(const uint8_t *block, size_t set) {
  const rf_quants low =
      rf_bits_of_both(rf_load_both(rf_four_parts(block + 48, 32), 0), 4 * set, 15, 0);
  const uint8_t bits[4] = {(uint8_t)(1 << set), (uint8_t)(4 << set), (uint8_t)(16 << set),
                           (uint8_t)(64 << set)};
  const rf_u8x64 first = rf_one_bit((rf_u8x64)rf_all_lanes((const int8_t *)block + 16), bits, 16);
  const rf_u8x64 last = rf_one_bit((rf_u8x64)rf_all_lanes((const int8_t *)block + 32), bits, 16);
  return (rf_quants){low.low | first, low.high | last, 128, 0};
}

RF_INLINE void rf_q5_k_scales(rf_sixteen_rows rows, rf_scale_slots to) { rf_k_scales(rows, to); }

#define RF_FORMAT q5_k
#define RF_FORMAT_BYTES 176
#define RF_FORMAT_GROUPS 8
#define RF_FORMAT_MINIMUMS
#define RF_FORMAT_GROUP_OF(set, lane) (2 * (lane) + (set))
#include "../vector/format_kernel.h"
