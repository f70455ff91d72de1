#include "types.h"

#include "../kernel_list.h"
#include "../rows.h"

// A product and a sum may fuse inside one expression, but not across two: s - n must stay exact.
#pragma clang fp contract(on)
#define RF_ISA portable
#define RF_PEAK_CHAINS 5
#if defined(__aarch64__)
#define RF_HAS_ROUND
#endif
#define RF_DOT_COLUMNS 1
#define RF_DOT_ROWS_AT_ONCE 1
#define RF_HALVES rf_halves_of_bits
#define RF_LOOK_UP rf_look_up
#define RF_ADD_16_WHERE rf_add_16_where
#define RF_DOT rf_dot_bytes
#define RF_INT8_ROWS 1
#define RF_INT8_VECTORS 1
#define RF_INT8_FOR_ROWS(rows, body, ...)                                                          \
  (void)(rows);                                                                                    \
  body(1, __VA_ARGS__);

// The bits in a float's place are the number times 2^-112, be it subnormal; infinities and NaNs
// have the largest exponent in both.
RF_INLINE float rf_half_of_bits(uint16_t bits) {
  const uint32_t magnitude = (uint32_t)(bits & 0x7fff) << 13;
  float value;
  memcpy(&value, &magnitude, sizeof value);
  value *= 0x1p112f;
  uint32_t result;
  memcpy(&result, &value, sizeof result);
  result |= (uint32_t)(bits & 0x8000) << 16 | ((bits & 0x7c00) == 0x7c00 ? 0x7f800000u : 0);
  memcpy(&value, &result, sizeof value);
  return value;
}

RF_INLINE rf_f32x16 rf_halves_of_bits(const uint16_t *bits) {
  rf_f32x16 values;
  for (int i = 0; i < 16; i++)
    values[i] = rf_half_of_bits(bits[i]);
  return values;
}

RF_INLINE rf_u8x64 rf_look_up(rf_u8x16 values, rf_u8x64 indices) {
  uint8_t table[16], bytes[64];
  memcpy(table, &values, sizeof table);
  memcpy(bytes, &indices, sizeof bytes);
  for (int i = 0; i < 64; i++)
    bytes[i] = table[bytes[i]];
  memcpy(&indices, bytes, sizeof bytes);
  return indices;
}

RF_INLINE rf_u8x64 rf_add_16_where(rf_u8x64 v, uint64_t mask) {
  uint8_t bytes[64];
  memcpy(bytes, &v, sizeof bytes);
  for (int i = 0; i < 64; i++)
    bytes[i] += (uint8_t)((mask >> i & 1) << 4);
  memcpy(&v, bytes, sizeof bytes);
  return v;
}

RF_INLINE rf_s32x16 rf_dot_bytes(rf_s32x16 sums, rf_u8x64 weights, rf_s32x16 inputs) {
  const rf_u32x16 words = (rf_u32x16)weights;
  for (int i = 0; i < 4; i++)
    sums += (rf_s32x16)(words >> (uint32_t)(8 * i) & 0xff) * (inputs << (24 - 8 * i) >> 24);
  return sums;
}

#include "kernels.h"
