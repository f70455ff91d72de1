// Q3_K (ggml): blocks of 256 weights in 110 bytes.
//
//   0   32 bytes: of byte i, bit j is the third bit of weight 32 j + i
//   32  2 x 32 bytes: of byte i of half h, bits 2j and 2j + 1 are of weight 128 h + 32 j + i
//   96  12 bytes: 16 scales of 6 bits. Of scale j, the low 4 bits are in byte j % 8, in its low
//   half
//       for j < 8; the high 2 bits are in byte 8 + j % 4, from bit 2 (j / 4) on
//   108 d, float16
//
// weight = (d (s - 32)) (q - 4), with s for each 16 weights
RF_INLINE rf_quants rf_q3_k_quants(rf_rows rows, size_t group) {
  const size_t first = 32 + 32 * (group / 4), shift = 2 * (group % 4);
  const rf_quants low = rf_bits_of_both(rf_load_both(rows, first), shift, 3, 0);
  const rf_quants high = rf_bits_of_both(rf_load_both(rows, 0), group, 1, 2);
  return rf_biased(rf_joined(low, high), 128 - 4);
}

RF_INLINE rf_quants rf_q3_k_fours(const uint8_t *block, size_t set) {
  const uint8_t *first = block + 32;
  const rf_quants q = rf_load_both((rf_rows){{first, first, first + 32, first + 32}, 0}, 0);
  const uint8_t bits[4] = {(uint8_t)(1 << 2 * set), (uint8_t)(2 << 2 * set),
                           (uint8_t)(16 << 2 * set), (uint8_t)(32 << 2 * set)};
  const rf_u8x64 a = rf_one_bit((rf_u8x64)rf_all_lanes((const int8_t *)block), bits, 4);
  const rf_u8x64 b = rf_one_bit((rf_u8x64)rf_all_lanes((const int8_t *)block + 16), bits, 4);
  return (rf_quants){rf_two_bits(q.low, 4 * (uint32_t)set) | a,
                     rf_two_bits(q.high, 4 * (uint32_t)set) | b, 128 - 4, 0};
}

RF_INLINE void rf_q3_k_scales(rf_sixteen_rows rows, rf_scale_slots to) {
  const rf_f32x16 d = rf_floats_of_halves(rows, 108);
  const rf_u32x16 a = rf_words(rows, 96), b = rf_words(rows, 100), c = rf_words(rows, 104);
  const uint32_t low = 0x0f0f0f0f, high = 0x30303030;
  const rf_u32x16 words[4] = {(a & low) | ((c << 4) & high), (b & low) | ((c << 2) & high),
                              ((a >> 4) & low) | (c & high), ((b >> 4) & low) | ((c >> 2) & high)};
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 16; i++)
    rf_store_scale(to, i / 2, i % 2, d * (rf_numbers(words[i / 4], 8 * (i % 4), 63) - 32.0f));
}

#define RF_FORMAT q3_k
#define RF_FORMAT_BYTES 110
#define RF_FORMAT_GROUPS 8
#define RF_FORMAT_HALVES
#define RF_FORMAT_GROUP_OF(set, lane) ((lane) / 2 * 4 + 2 * (set) + (lane) % 2)
#include "../vector/format_kernel.h"
