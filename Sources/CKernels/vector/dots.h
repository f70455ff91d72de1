// Dot products of rows of weights with one input: what a generated token costs, and bound by how
// fast the weights come from memory. Included once by each instruction set's file.
//
// Four rows are read side by side. A row's sum has two vectors of lanes, of the even and the odd
// inputs, which is how bf16 widens at one operation a vector; it is the same with any number of
// rows.

RF_INLINE void rf_load_even_odd(const float *x, rf_f32x16 v[2]) {
  const rf_f32x16 a = rf_load(x), b = rf_load(x + 16);
  v[0] = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  v[1] = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

RF_INLINE void rf_widen_even_odd(const rf_bf16 *x, rf_f32x16 v[2]) {
  rf_u32x16 pairs;
  memcpy(&pairs, x, sizeof pairs);
  v[0] = rf_widen_first(pairs);
  v[1] = rf_widen_second(pairs);
}

#define RF_DOT_ROWS(input, weight_type, load)                                                      \
  RF_INLINE void RF_NAME(input, f32, dot_rows)(size_t rows, const weight_type *weights,            \
                                               size_t inputs, const float *x, float *out) {        \
    rf_f32x16 even[4], odd[4];                                                                     \
    _Pragma("clang loop unroll(full)") for (size_t r = 0; r < rows; r++) even[r] = odd[r] =        \
        (rf_f32x16){0};                                                                            \
    for (size_t i = 0; i + 32 <= inputs; i += 32) {                                                \
      rf_f32x16 v[2];                                                                              \
      rf_load_even_odd(x + i, v);                                                                  \
      _Pragma("clang loop unroll(full)") for (size_t r = 0; r < rows; r++) {                       \
        rf_f32x16 w[2];                                                                            \
        const weight_type *row = weights + r * inputs + i;                                         \
        for (size_t line = 0; line < 32 * sizeof *row; line += 64)                                 \
          __builtin_prefetch((const char *)row + RF_PREFETCH_BYTES + line, 0, 2);                  \
        load(row, w);                                                                              \
        even[r] = w[0] * v[0] + even[r];                                                           \
        odd[r] = w[1] * v[1] + odd[r];                                                             \
      }                                                                                            \
    }                                                                                              \
    const size_t rest = inputs % 32;                                                               \
    if (rest) {                                                                                    \
      float tail[32] = {0};                                                                        \
      rf_f32x16 v[2];                                                                              \
      memcpy(tail, x + inputs - rest, rest * sizeof *tail);                                        \
      rf_load_even_odd(tail, v);                                                                   \
      for (size_t r = 0; r < rows; r++) {                                                          \
        weight_type weight_tail[32] = {0};                                                         \
        rf_f32x16 w[2];                                                                            \
        memcpy(weight_tail, weights + (r + 1) * inputs - rest, rest * sizeof *weight_tail);        \
        load(weight_tail, w);                                                                      \
        even[r] = w[0] * v[0] + even[r];                                                           \
        odd[r] = w[1] * v[1] + odd[r];                                                             \
      }                                                                                            \
    }                                                                                              \
    for (size_t r = 0; r < rows; r++)                                                              \
      out[r] = rf_sum(even[r] + odd[r]);                                                           \
  }                                                                                                \
  void RF_NAME(input, f32, dot_4x1)(const void *weights, size_t rows, size_t inputs,               \
                                    const void *x, float *out) {                                   \
    RF_FOR_ROWS_4(rows, RF_NAME(input, f32, dot_rows), weights, inputs, x, out)                    \
  }

RF_DOT_ROWS(f32, float, rf_load_even_odd)
RF_DOT_ROWS(bf16, rf_bf16, rf_widen_even_odd)
