// What the formats' files are written with: the packed numbers (quants) of a group of 32 weights of
// four rows at a time, as unsigned bytes, 128 above what they stand for.

// Lane L, 16 bytes, of each is of row L: weights 0 to 15 of a group, and 16 to 31.
typedef struct rf_quants {
  rf_u8x64 low, high;
} rf_quants;

// Where the scales of one row of a panel stand, for one block of a format.
typedef struct rf_scale_slots {
  float *first;
  size_t group_floats, minimums; // to the next group; from a scale to its minimum
} rf_scale_slots;

RF_INLINE float *rf_scale_slot(rf_scale_slots slots, size_t group, size_t part) {
  return slots.first + group * slots.group_floats + part * RF_PANEL_COLUMNS;
}

RF_INLINE float *rf_minimum_slot(rf_scale_slots slots, size_t group, size_t part) {
  return rf_scale_slot(slots, group, part) + slots.minimums;
}

// The same block of four rows.
typedef struct rf_rows {
  const uint8_t *block[4];
} rf_rows;

// Where the rows of a panel are: `step` bytes apart, or as a table says if there is one, in which
// the last row stands in the place of missing ones.
typedef struct rf_panel_rows {
  const uint8_t *first;
  size_t step;
  const uint8_t *const *table;
} rf_panel_rows;

// Rows r, r + distance, r + 2 distance and r + 3 distance, at a byte of each. Multiples of the step
// stay in registers and become parts of addresses: 32 pointers would not.
RF_INLINE rf_rows rf_rows_at(rf_panel_rows rows, size_t r, size_t distance, size_t byte) {
  if (rows.table)
    return (rf_rows){{rows.table[r] + byte, rows.table[r + distance] + byte,
                      rows.table[r + 2 * distance] + byte, rows.table[r + 3 * distance] + byte}};
  const uint8_t *first = rows.first + r * rows.step + byte;
  size_t one = distance * rows.step, three = 3 * one;
  __asm__("" : "+r"(one), "+r"(three));
  return (rf_rows){{first, first + one, first + 2 * one, first + three}};
}

// 16 bytes at an offset of each of four blocks.
RF_INLINE rf_u8x64 rf_load_lanes(rf_rows rows, size_t offset) {
  rf_u8x16 lane[4];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++)
    memcpy(&lane[i], rows.block[i] + offset, sizeof lane[i]);
  const rf_u8x32 first = __builtin_shufflevector(lane[0], lane[1], RF_FIRST_32);
  const rf_u8x32 second = __builtin_shufflevector(lane[2], lane[3], RF_FIRST_32);
  return __builtin_shufflevector(first, second, RF_FIRST_64);
}

// In every byte, the bits of `mask` after a shift to the right, and what that gives shifted left.
RF_INLINE rf_u8x64 rf_bits_at(rf_u8x64 v, size_t right, uint32_t mask, size_t left) {
  return (rf_u8x64)((((rf_u32x16)v >> (uint32_t)right) & (mask * 0x01010101u)) << (uint32_t)left);
}

RF_INLINE rf_u8x64 rf_bits(rf_u8x64 v, size_t right, uint32_t mask) {
  return rf_bits_at(v, right, mask, 0);
}

// The low and the high 4 bits of 16 bytes a row.
RF_INLINE rf_quants rf_nibbles(rf_u8x64 v) {
  return (rf_quants){rf_bits(v, 0, 15), rf_bits(v, 4, 15)};
}

RF_INLINE rf_quants rf_biased(rf_quants q, uint8_t bias) {
  return (rf_quants){q.low + bias, q.high + bias};
}

// Adds 16 where a row's bit is set; the 32 bits are at an offset of its block.
RF_INLINE rf_quants rf_with_fifth_bits(rf_quants q, rf_rows rows, size_t offset) {
  uint64_t low = 0, high = 0;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++) {
    uint32_t bits;
    memcpy(&bits, rows.block[i] + offset, sizeof bits);
    low |= (uint64_t)(bits & 0xffff) << 16 * i;
    high |= (uint64_t)(bits >> 16) << 16 * i;
  }
  return (rf_quants){RF_ADD_16_WHERE(q.low, low), RF_ADD_16_WHERE(q.high, high)};
}

// 16 values of IQ4_NL and IQ4_XS, and twice those of an E2M1, each plus 128.
#define RF_IQ4_VALUES                                                                              \
  (rf_u8x16) { 1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241 }
#define RF_E2M1_VALUES                                                                             \
  (rf_u8x16) { 128, 129, 130, 131, 132, 134, 136, 140, 128, 127, 126, 125, 124, 122, 120, 116 }

RF_INLINE rf_quants rf_looked_up(rf_quants q, rf_u8x16 values) {
  return (rf_quants){RF_LOOK_UP(values, q.low), RF_LOOK_UP(values, q.high)};
}

// 16 bits at an offset of each of four blocks, in one store.
RF_INLINE void rf_collect_halves(rf_rows rows, size_t offset, uint16_t *to) {
  uint64_t all = 0;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++) {
    uint16_t bits;
    memcpy(&bits, rows.block[i] + offset, sizeof bits);
    all |= (uint64_t)bits << 16 * i;
  }
  memcpy(to, &all, sizeof all);
}

RF_INLINE float rf_half(const uint8_t *bytes) {
  uint16_t bits;
  memcpy(&bits, bytes, sizeof bits);
  return RF_HALF(bits);
}

// The scales and minimums of Q4_K and Q5_K: d and the minimum's d, then 12 bytes with 8 scales and
// 8 minimums of 6 bits. Those of j < 4 are the low 6 bits of bytes j and 4 + j. Of those of 4 + j,
// the low 4 bits are the low and the high half of byte 8 + j, and the high 2 bits those of bytes j
// and 4 + j.
RF_INLINE void rf_k_scales(const uint8_t *block, rf_scale_slots to) {
  const float d = rf_half(block), minimum = rf_half(block + 2);
  uint32_t a, b, c;
  memcpy(&a, block + 4, sizeof a);
  memcpy(&b, block + 8, sizeof b);
  memcpy(&c, block + 12, sizeof c);
  const uint32_t words[4] = {a & 0x3f3f3f3f, (c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030),
                             b & 0x3f3f3f3f, ((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030)};
  uint8_t bytes[16];
  memcpy(bytes, words, sizeof bytes);
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) {
    *rf_scale_slot(to, i, 0) = d * (float)bytes[i];
    *rf_minimum_slot(to, i, 0) = -(minimum * (float)bytes[8 + i]);
  }
}
