// What formats.h asks for, for CPUs with AVX-512.

#define RF_HALVES(bits) ((rf_f32x16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(bits))))
#define RF_LOOK_UP rf_look_up
#define RF_ADD_16_WHERE rf_add_16_where

RF_INLINE rf_u8x64 rf_look_up(rf_u8x16 values, rf_u8x64 indices) {
  const __m512i table = _mm512_broadcast_i32x4((__m128i)values);
  return (rf_u8x64)_mm512_shuffle_epi8(table, (__m512i)indices);
}

RF_INLINE rf_u8x64 rf_add_16_where(rf_u8x64 v, uint64_t mask) {
  return (rf_u8x64)_mm512_mask_add_epi8((__m512i)v, mask, (__m512i)v, _mm512_set1_epi8(16));
}

#define RF_LOAD_BLOCKS rf_load_blocks
#define RF_BLOCK_HALVES rf_block_halves

// Two loads have all of four blocks that follow each other. All of this is known when it is
// compiled.
typedef struct rf_block_loads {
  size_t first, second; // where they begin
} rf_block_loads;

// Loads that have `bytes` at an offset of each block: the first those of blocks 0 and 1. Where that
// is possible they begin with a block, so that few different ones are needed.
RF_INLINE rf_block_loads rf_loads_of_blocks(size_t step, size_t offset, size_t bytes) {
  const size_t end = offset + step + bytes, last = 4 * step - 64;
  const size_t begin = end > 64 ? end - 64 : 0, second = 2 * step + begin;
  return (rf_block_loads){begin, second < last ? second : last};
}

// The place of a byte of a block in two vectors, in words.
RF_INLINE uint16_t rf_word_of(rf_block_loads loads, size_t step, size_t block, size_t byte) {
  const size_t at = block * step + byte;
  return (uint16_t)((block < 2 ? at - loads.first : at - loads.second + 64) / 2);
}

RF_INLINE rf_u8x64 rf_load_blocks(const uint8_t *blocks, size_t step, size_t offset) {
  const rf_block_loads loads = rf_loads_of_blocks(step, offset, 16);
  uint16_t words[32];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 32; i++)
    words[i] = rf_word_of(loads, step, i / 8, offset + i % 8 * 2);
  __m512i indices;
  memcpy(&indices, words, sizeof indices);
  return (rf_u8x64)_mm512_permutex2var_epi16(_mm512_loadu_si512(blocks + loads.first), indices,
                                             _mm512_loadu_si512(blocks + loads.second));
}

RF_INLINE rf_f32x16 rf_block_halves(const uint8_t *const rows[4], size_t step, size_t offset) {
  const bool one = 3 * step + offset + 2 <= 64;
  const rf_block_loads loads = rf_loads_of_blocks(step, offset, 2);
  uint16_t words[32] = {0};
#pragma clang loop unroll(full)
  for (size_t b = 0; b < 4; b++)
#pragma clang loop unroll(full)
    for (size_t r = 0; r < 4; r++)
      words[4 * b + r] =
          one ? (uint16_t)((b * step + offset) / 2) : rf_word_of(loads, step, b, offset) % 32;
  __m512i indices, halves = _mm512_setzero_si512();
  memcpy(&indices, words, sizeof indices);
#pragma clang loop unroll(full)
  for (size_t r = 0; r < 4; r++) {
    if (one) {
      halves =
          _mm512_mask_permutexvar_epi16(halves, 0x1111u << r, indices, _mm512_loadu_si512(rows[r]));
    } else {
      halves = _mm512_mask_permutexvar_epi16(halves, 0x0011u << r, indices,
                                             _mm512_loadu_si512(rows[r] + loads.first));
      halves = _mm512_mask_permutexvar_epi16(halves, 0x1100u << r, indices,
                                             _mm512_loadu_si512(rows[r] + loads.second));
    }
  }
  return (rf_f32x16)_mm512_cvtph_ps(_mm512_castsi512_si256(halves));
}
