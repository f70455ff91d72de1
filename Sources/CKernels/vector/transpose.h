// Packs weights into panels: [32 rows][inputs] becomes [inputs][32].

#define RF_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define RF_UNPACK_LOW(a, b)                                                                        \
  RF_SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define RF_UNPACK_HIGH(a, b)                                                                       \
  RF_SHUFFLE(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define RF_UNPACK_LOW_2(a, b)                                                                      \
  RF_SHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define RF_UNPACK_HIGH_2(a, b)                                                                     \
  RF_SHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define RF_EVEN_QUARTERS(a, b)                                                                     \
  RF_SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define RF_ODD_QUARTERS(a, b)                                                                      \
  RF_SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)

// Transposes in place: x[row][column] becomes x[column][row].
RF_INLINE void rf_transpose_16x16(rf_u32x16 x[16]) {
  rf_u32x16 t[16];
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 2) {
    t[i] = RF_UNPACK_LOW(x[i], x[i + 1]);
    t[i + 1] = RF_UNPACK_HIGH(x[i], x[i + 1]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 4) {
    x[i] = RF_UNPACK_LOW_2(t[i], t[i + 2]);
    x[i + 1] = RF_UNPACK_HIGH_2(t[i], t[i + 2]);
    x[i + 2] = RF_UNPACK_LOW_2(t[i + 1], t[i + 3]);
    x[i + 3] = RF_UNPACK_HIGH_2(t[i + 1], t[i + 3]);
  }
  // Quarter l of x[4g + c] now holds rows 4g to 4g + 3 of column 4l + c.
#pragma clang loop unroll(full)
  for (int c = 0; c < 4; c++) {
    const rf_u32x16 even_01 = RF_EVEN_QUARTERS(x[c], x[4 + c]);
    const rf_u32x16 odd_01 = RF_ODD_QUARTERS(x[c], x[4 + c]);
    const rf_u32x16 even_23 = RF_EVEN_QUARTERS(x[8 + c], x[12 + c]);
    const rf_u32x16 odd_23 = RF_ODD_QUARTERS(x[8 + c], x[12 + c]);
    t[c] = RF_EVEN_QUARTERS(even_01, even_23);
    t[8 + c] = RF_ODD_QUARTERS(even_01, even_23);
    t[4 + c] = RF_EVEN_QUARTERS(odd_01, odd_23);
    t[12 + c] = RF_ODD_QUARTERS(odd_01, odd_23);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i++)
    x[i] = t[i];
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
