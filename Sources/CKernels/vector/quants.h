// What the formats' files are written with: the packed numbers (quants) of a group of 32 weights of
// four rows at a time, or of four blocks of one row, as unsigned bytes that are 128 above what they
// stand for when `bias` is added.

// Lane L, 16 bytes, of each is of row or block L: weights 0 to 15 of a group, and 16 to 31.
typedef struct rf_quants {
  rf_u8x64 low, high;
  uint8_t bias;
  int32_t shift; // of these numbers' products to the right
} rf_quants;

// Where the scales of 16 rows of a panel stand, for one block of a format.
typedef struct rf_scale_slots {
  float *first;
  // To the next group, to the second part, and from a scale to its minimum.
  size_t group_floats, part_floats, minimums;
} rf_scale_slots;

RF_INLINE void rf_store_scale(rf_scale_slots slots, size_t group, size_t part, rf_f32x16 scale) {
  rf_store(slots.first + group * slots.group_floats + part * slots.part_floats, scale);
}

RF_INLINE void rf_store_minimum(rf_scale_slots slots, size_t group, size_t part, rf_f32x16 m) {
  rf_store(slots.first + group * slots.group_floats + part * slots.part_floats + slots.minimums, m);
}

// The same block of four rows, or four blocks of one, `step` bytes apart; 0 of rows.
typedef struct rf_rows {
  const uint8_t *block[4];
  size_t step;
} rf_rows;

// Where a block of 16 rows is: rows 0, 4, 8 and 12, and how far the next one is from each. Row r is
// then a base, a multiple of the distance and a constant: an address, where 16 pointers would not
// stay in registers. Or there is a table, in which the last row stands in the place of missing
// ones.
typedef struct rf_sixteen_rows {
  const uint8_t *four[4];
  size_t step, three_steps;
  const uint8_t *const *table;
  size_t byte;       // of the table's rows
  size_t block_step; // if row r is block r / 4 of row r % 4: from block to block; or 0
} rf_sixteen_rows;

RF_INLINE rf_sixteen_rows rf_rows_from(const uint8_t *first, size_t step) {
  size_t three = 3 * step;
  __asm__("" : "+r"(step), "+r"(three)); // Else they become other pointers, too many to keep.
  const uint8_t *const next = first + 4 * step;
  return (rf_sixteen_rows){
      {first, next, next + 4 * step, next + 8 * step}, step, three, NULL, 0, 0};
}

RF_INLINE rf_sixteen_rows rf_rows_of_table(const uint8_t *const *table, size_t byte) {
  return (rf_sixteen_rows){{NULL}, 0, 0, table, byte, 0};
}

// The same rows so many bytes further on.
RF_INLINE rf_sixteen_rows rf_rows_behind(rf_sixteen_rows rows, size_t bytes) {
  rows.byte += bytes;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++)
    rows.four[i] += bytes;
  __asm__("" : "+r"(rows.four[0]), "+r"(rows.four[1]), "+r"(rows.four[2]), "+r"(rows.four[3]));
  return rows;
}

// Four neighbouring blocks of rows r to r + 3, `step` bytes each, as if they were rows.
RF_INLINE rf_sixteen_rows rf_blocks_as_rows(rf_sixteen_rows rows, size_t r, size_t step) {
  const uint8_t *first = rows.four[r / 4];
  return (rf_sixteen_rows){{first, first + step, first + 2 * step, first + 3 * step},
                           rows.step,
                           rows.three_steps,
                           NULL,
                           0,
                           step};
}

RF_INLINE const uint8_t *rf_row(rf_sixteen_rows rows, size_t r) {
  if (rows.table)
    return rows.table[r] + rows.byte;
  return rows.four[r / 4] + (r % 4 == 3 ? rows.three_steps : r % 4 * rows.step);
}

// Rows r, r + 4, r + 8 and r + 12.
RF_INLINE rf_rows rf_every_fourth(rf_sixteen_rows rows, size_t r) {
  return (rf_rows){
      {rf_row(rows, r), rf_row(rows, r + 4), rf_row(rows, r + 8), rf_row(rows, r + 12)}, 0};
}

// Four parts that follow each other, `step` bytes from one to the next.
RF_INLINE rf_rows rf_four_parts(const uint8_t *first, size_t step) {
  return (rf_rows){{first, first + step, first + 2 * step, first + 3 * step}, step};
}

// 16 bytes at an offset of each of four blocks.
RF_INLINE rf_u8x64 rf_load_lanes(rf_rows rows, size_t offset) {
#if defined(RF_LOAD_BLOCKS)
  // All of this is known when it is compiled.
  if (rows.step > 0 && rows.step % 2 == 0 && offset % 2 == 0)
    return RF_LOAD_BLOCKS(rows.block[0], rows.step, offset);
#endif
  rf_u8x16 lane[4];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++)
    memcpy(&lane[i], rows.block[i] + offset, sizeof lane[i]);
  const rf_u8x32 first = __builtin_shufflevector(lane[0], lane[1], RF_FIRST_32);
  const rf_u8x32 second = __builtin_shufflevector(lane[2], lane[3], RF_FIRST_32);
  return __builtin_shufflevector(first, second, RF_FIRST_64);
}

// 32 bytes at an offset of each of four blocks: the first 16, and the last. A load of 32 bytes
// costs what one of 16 does.
RF_INLINE rf_quants rf_load_both(rf_rows rows, size_t offset) {
  rf_u8x32 bytes[4];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++)
    memcpy(&bytes[i], rows.block[i] + offset, sizeof bytes[i]);
  const rf_u32x16 first = (rf_u32x16)__builtin_shufflevector(bytes[0], bytes[1], RF_FIRST_64);
  const rf_u32x16 second = (rf_u32x16)__builtin_shufflevector(bytes[2], bytes[3], RF_FIRST_64);
  return (rf_quants){(rf_u8x64)rf_even_lanes(first, second), (rf_u8x64)rf_odd_lanes(first, second),
                     0};
}

// In every byte, the bits of `mask` after a shift to the right, and what that gives shifted left.
RF_INLINE rf_u8x64 rf_bits_at(rf_u8x64 v, size_t right, uint32_t mask, size_t left) {
  return (rf_u8x64)((((rf_u32x16)v >> (uint32_t)right) & (mask * 0x01010101u)) << (uint32_t)left);
}

RF_INLINE rf_u8x64 rf_bits(rf_u8x64 v, size_t right, uint32_t mask) {
  return rf_bits_at(v, right, mask, 0);
}

// The same of both halves.
RF_INLINE rf_quants rf_bits_of_both(rf_quants q, size_t right, uint32_t mask, size_t left) {
  return (rf_quants){rf_bits_at(q.low, right, mask, left), rf_bits_at(q.high, right, mask, left),
                     0};
}

RF_INLINE rf_quants rf_joined(rf_quants a, rf_quants b) {
  return (rf_quants){a.low | b.low, a.high | b.high, 0};
}

// In every byte of lane L, two bits from bit `first` + 2 (L % 2) on.
RF_INLINE rf_u8x64 rf_two_bits(rf_u8x64 v, uint32_t first) {
  const uint32_t f = first, n = first + 2;
  const rf_u32x16 right = {f, f, f, f, n, n, n, n, f, f, f, f, n, n, n, n};
  return (rf_u8x64)(((rf_u32x16)v >> right) & 0x03030303u);
}

// `value` in every byte of lane L that has the bit bits[L].
RF_INLINE rf_u8x64 rf_one_bit(rf_u8x64 v, const uint8_t bits[4], uint8_t value) {
  rf_u8x64 mask;
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 64; i++)
    mask[i] = bits[i / 16];
  return (rf_u8x64)((v & mask) != 0) & value;
}

// The low and the high 4 bits of 16 bytes a row.
RF_INLINE rf_quants rf_nibbles(rf_u8x64 v) {
  return (rf_quants){rf_bits(v, 0, 15), rf_bits(v, 4, 15), 0};
}

RF_INLINE rf_quants rf_biased(rf_quants q, uint8_t bias) {
  return (rf_quants){q.low, q.high, bias};
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
  return (rf_quants){RF_ADD_16_WHERE(q.low, low), RF_ADD_16_WHERE(q.high, high), 0};
}

// 16 values of IQ4_NL and IQ4_XS, and twice those of an E2M1, each plus 128.
#define RF_IQ4_VALUES                                                                              \
  (rf_u8x16) { 1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241 }
#define RF_E2M1_VALUES                                                                             \
  (rf_u8x16) { 128, 129, 130, 131, 132, 134, 136, 140, 128, 127, 126, 125, 124, 122, 120, 116 }

RF_INLINE rf_quants rf_looked_up(rf_quants q, rf_u8x16 values) {
  return (rf_quants){RF_LOOK_UP(values, q.low), RF_LOOK_UP(values, q.high), 0};
}

// 4 bytes, or a float16, at an offset of each block.
RF_INLINE rf_u32x16 rf_words(rf_sixteen_rows rows, size_t offset) {
  uint32_t words[16];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < 16; r++)
    memcpy(&words[r], rf_row(rows, r) + offset, sizeof words[r]);
  rf_u32x16 v;
  memcpy(&v, words, sizeof v);
  return v;
}

RF_INLINE rf_f32x16 rf_floats_of_halves(rf_sixteen_rows rows, size_t offset) {
#if defined(RF_BLOCK_HALVES)
  if (rows.block_step > 0 && rows.block_step % 2 == 0 && offset % 2 == 0) {
    const uint8_t *const four[4] = {rf_row(rows, 0), rf_row(rows, 1), rf_row(rows, 2),
                                    rf_row(rows, 3)};
    return RF_BLOCK_HALVES(four, rows.block_step, offset);
  }
#endif
  uint16_t halves[16];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < 16; r++)
    memcpy(&halves[r], rf_row(rows, r) + offset, sizeof halves[r]);
  return RF_HALVES(halves);
}

// 16 bytes at an offset of each block, as four words.
RF_INLINE void rf_four_words(rf_sixteen_rows rows, size_t offset, rf_u32x16 words[4]) {
#pragma clang loop unroll(full)
  for (size_t r = 0; r < 4; r++)
    words[r] = (rf_u32x16)rf_load_lanes(rf_every_fourth(rows, r), offset);
  rf_transpose_in_lanes(words);
}

// The float16 in the low half of each word.
RF_INLINE rf_f32x16 rf_floats_of_low_halves(rf_u32x16 words) {
  const rf_u16x16 low = __builtin_convertvector(words, rf_u16x16);
  uint16_t halves[16];
  memcpy(halves, &low, sizeof halves);
  return RF_HALVES(halves);
}

// Of each word, the number in the bits of `mask` after a shift.
RF_INLINE rf_f32x16 rf_numbers(rf_u32x16 words, size_t right, uint32_t mask) {
  return __builtin_convertvector((rf_s32x16)((words >> (uint32_t)right) & mask), rf_f32x16);
}

// The scales and minimums of Q4_K and Q5_K: d and the minimum's d, then 12 bytes with 8 scales and
// 8 minimums of 6 bits. Those of j < 4 are the low 6 bits of bytes j and 4 + j. Of those of 4 + j,
// the low 4 bits are the low and the high half of byte 8 + j, and the high 2 bits those of bytes j
// and 4 + j.
RF_INLINE void rf_k_scales(rf_sixteen_rows rows, rf_scale_slots to) {
  rf_u32x16 words[4];
  rf_four_words(rows, 0, words);
  const rf_f32x16 d = rf_floats_of_low_halves(words[0]);
  const rf_f32x16 minimum = rf_floats_of_low_halves(words[0] >> 16);
  const rf_u32x16 a = words[1], b = words[2], c = words[3];
  const rf_u32x16 scales[2] = {a, (c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030)};
  const rf_u32x16 minimums[2] = {b, ((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030)};
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) {
    rf_store_scale(to, i, 0, d * rf_numbers(scales[i / 4], 8 * (i % 4), 63));
    rf_store_minimum(to, i, 0, -(minimum * rf_numbers(minimums[i / 4], 8 * (i % 4), 63)));
  }
}

// Prefetches as many bytes a page behind `memory`, and returns what follows it. (A page more than
// what is read next was measured to be the best for short rows, and not to matter for long ones.)
RF_INLINE const char *rf_prefetch_ahead(const char *memory, size_t bytes) {
  rf_prefetch(memory + 4096, bytes);
  return memory + bytes;
}
