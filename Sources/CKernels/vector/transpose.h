// Packs weights into panels: [32 rows][inputs] becomes [inputs][32].

#include "lanes.h"

// Transposes in place: x[row][column] becomes x[column][row].
RF_INLINE void rf_transpose_16x16(rf_u32x16 x[16]) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 4)
    rf_transpose_in_lanes(x + i);
    // Lane l of x[4g + c] now holds rows 4g to 4g + 3 of column 4l + c.
#pragma clang loop unroll(full)
  for (int c = 0; c < 4; c++) {
    rf_u32x16 columns[4] = {x[c], x[4 + c], x[8 + c], x[12 + c]};
    rf_transpose_lanes(columns);
#pragma clang loop unroll(full)
    for (int lane = 0; lane < 4; lane++)
      x[4 * lane + c] = columns[lane];
  }
}

// Loads 16 words of 32 bits (or `bytes`, if fewer are left) of each of 16 rows, and transposes
// them: lanes[i] is word i of all rows. Missing rows and words are zeros.
RF_INLINE void rf_load_transposed(const char *x, size_t rows, size_t row_bytes, size_t bytes,
                                  rf_u32x16 lanes[16]) {
  for (size_t r = 0; r < 16; r++) {
    lanes[r] = (rf_u32x16){0};
    if (r < rows) {
      if (bytes == 64)
        memcpy(&lanes[r], x + r * row_bytes, 64);
      else
        memcpy(&lanes[r], x + r * row_bytes, bytes);
    }
  }
  rf_transpose_16x16(lanes);
}

// rf_pack_function, 16 rows at a time. A word is one float32 or a pair of bf16. A pair stays
// together, or becomes two rows of a float32 panel if `widens` is set. `element_bytes` and `widens`
// are constants where inlined.
RF_INLINE void rf_pack(const void *weights, size_t rows, size_t inputs, size_t element_bytes,
                       bool widens, void *packed) {
  assert(rows <= RF_PANEL_COLUMNS && (!widens || element_bytes == sizeof(rf_bf16)));
  const size_t row_bytes = inputs * element_bytes;
  for (size_t group = 0; group < RF_PANEL_COLUMNS; group += 16) {
    const size_t count = rows > group ? rows - group : 0;
    const char *first = (const char *)weights + (count ? group * row_bytes : 0);
    float *out = (float *)packed + group;
    for (size_t word = 0; 4 * word < row_bytes; word += 16) {
      const size_t rest = row_bytes - 4 * word < 64 ? row_bytes - 4 * word : 64;
      rf_u32x16 lanes[16];
      rf_load_transposed(first + 4 * word, count, row_bytes, rest, lanes);
      for (size_t i = 0; i < (rest + 3) / 4; i++) {
        if (!widens) {
          rf_store(out + (word + i) * RF_PANEL_COLUMNS, (rf_f32x16)lanes[i]);
          continue;
        }
        const size_t input = 2 * (word + i);
        rf_store(out + input * RF_PANEL_COLUMNS, rf_widen_first(lanes[i]));
        if (input + 1 < inputs)
          rf_store(out + (input + 1) * RF_PANEL_COLUMNS, rf_widen_second(lanes[i]));
      }
    }
  }
}

void RF_NAME(f32, f32, pack_32xn)(const void *weights, size_t rows, size_t inputs, void *packed) {
  rf_pack(weights, rows, inputs, sizeof(float), false, packed);
}

void RF_NAME(bf16, f32, pack_32xn)(const void *weights, size_t rows, size_t inputs, void *packed) {
  rf_pack(weights, rows, inputs, sizeof(rf_bf16), true, packed);
}

void RF_NAME(bf16, bf16, pack_32xn)(const void *weights, size_t rows, size_t inputs, void *packed) {
  rf_pack(weights, rows, inputs, sizeof(rf_bf16), false, packed);
}
