// Dot products of rows of weights with one input: what a generated token costs, and bound by how
// fast the weights come from memory. Included once by each instruction set's file.
//
// Of one input, four rows are read side by side. A row's sum has two vectors of lanes, of the even
// and the odd inputs, which is how bf16 widens at one operation a vector; it is the same with any
// number of rows.
//
// Of several inputs, which come as even and odd lanes already, a tile of rows times inputs stays in
// registers: each row is loaded once for all of the tile's inputs, with the same sums.

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

// out = x[count] in groups of 32, the even ones of a group before the odd ones; the last group is
// filled with zeros.
void RF_NAME(f32, f32, split_1xn)(const float *x, size_t count, float *out) {
  for (size_t i = 0; i < count; i += 32, out += 32) {
    rf_f32x16 v[2];
    float tail[32] = {0};
    if (count - i < 32)
      memcpy(tail, x + i, (count - i) * sizeof *tail);
    rf_load_even_odd(count - i < 32 ? tail : x + i, v);
    rf_store(out, v[0]);
    rf_store(out + 16, v[1]);
  }
}

// Rows whose weights stay near while they meet all inputs, a few at a time.
RF_INLINE size_t rf_dot_rows_per_block(size_t row_bytes) {
  const size_t rows = (64 << 10) / (row_bytes ? row_bytes : 1) / RF_DOT_ROWS_AT_ONCE;
  return (rows ? rows : 1) * RF_DOT_ROWS_AT_ONCE;
}

// `next` is what will be read later. A tile asks for it little by little, `next_step` bytes with
// each group of inputs: memory delivers all the time, and no load from the cache waits behind a
// burst.
#define RF_DOT_TILE(input, weight_type, load)                                                      \
  RF_INLINE void RF_NAME(input, f32, dot_tile)(                                                    \
      size_t columns, size_t rows, const weight_type *weights, size_t inputs, const float *x,      \
      size_t x_stride, float *out, size_t out_stride, const char *next, size_t next_step) {        \
    rf_f32x16 even[RF_DOT_COLUMNS][RF_DOT_ROWS_AT_ONCE], odd[RF_DOT_COLUMNS][RF_DOT_ROWS_AT_ONCE]; \
    _Pragma("clang loop unroll(full)") for (size_t c = 0; c < columns; c++)                        \
        _Pragma("clang loop unroll(full)") for (size_t r = 0; r < rows; r++) even[c][r] =          \
            odd[c][r] = (rf_f32x16){0};                                                            \
    for (size_t i = 0; i < inputs; i += 32, next += next_step) {                                   \
      __builtin_prefetch(next, 0, 2);                                                              \
      weight_type tail[RF_DOT_ROWS_AT_ONCE][32];                                                   \
      const weight_type *group[RF_DOT_ROWS_AT_ONCE];                                               \
      rf_f32x16 w[RF_DOT_ROWS_AT_ONCE][2];                                                         \
      _Pragma("clang loop unroll(full)") for (size_t r = 0; r < rows; r++) {                       \
        group[r] = weights + r * inputs + i;                                                       \
        if (__builtin_expect(inputs - i < 32, 0)) {                                                \
          memset(tail[r], 0, sizeof tail[r]);                                                      \
          memcpy(tail[r], group[r], (inputs - i) * sizeof *group[r]);                              \
          group[r] = tail[r];                                                                      \
        }                                                                                          \
        load(group[r], w[r]);                                                                      \
      }                                                                                            \
      _Pragma("clang loop unroll(full)") for (size_t c = 0; c < columns; c++) {                    \
        const rf_f32x16 v0 = rf_load(x + c * x_stride + i);                                        \
        const rf_f32x16 v1 = rf_load(x + c * x_stride + i + 16);                                   \
        _Pragma("clang loop unroll(full)") for (size_t r = 0; r < rows; r++) {                     \
          even[c][r] = w[r][0] * v0 + even[c][r];                                                  \
          odd[c][r] = w[r][1] * v1 + odd[c][r];                                                    \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
    _Pragma("clang loop unroll(full)") for (size_t c = 0; c < columns; c++)                        \
        _Pragma("clang loop unroll(full)") for (size_t r = 0; r < rows; r++)                       \
            out[c * out_stride + r] = rf_sum(even[c][r] + odd[c][r]);                              \
  }                                                                                                \
  void RF_NAME(input, f32, dot_nxn)(const void *weights, size_t rows, size_t inputs,               \
                                    const void *x, size_t columns, size_t x_stride, float *out,    \
                                    size_t out_stride) {                                           \
    const size_t row_bytes = inputs * sizeof(weight_type);                                         \
    const size_t rows_per_block = rf_dot_rows_per_block(row_bytes);                                \
    const size_t groups = (columns + RF_DOT_COLUMNS - 1) / RF_DOT_COLUMNS;                         \
    for (size_t block = 0; block < rows; block += rows_per_block) {                                \
      const size_t end = rows - block < rows_per_block ? rows : block + rows_per_block;            \
      for (size_t group = 0; group < groups; group++) {                                            \
        const size_t c = group * RF_DOT_COLUMNS;                                                   \
        const size_t count = columns - c < RF_DOT_COLUMNS ? columns - c : RF_DOT_COLUMNS;          \
        const float *v = (const float *)x + c * x_stride;                                          \
        for (size_t r = block; r < end; r += RF_DOT_ROWS_AT_ONCE) {                                \
          const size_t at_once = end - r < RF_DOT_ROWS_AT_ONCE ? end - r : RF_DOT_ROWS_AT_ONCE;    \
          const weight_type *w = (const weight_type *)weights + r * inputs;                        \
          const size_t part = at_once * row_bytes / groups;                                        \
          const size_t step = part / ((inputs + 31) / 32);                                         \
          const char *next = (const char *)(w + rows_per_block * inputs) + group * part;           \
          for (size_t k = 0; k < (at_once == RF_DOT_ROWS_AT_ONCE ? 1 : at_once); k++) {            \
            float *o = out + c * out_stride + r + k;                                               \
            if (at_once == RF_DOT_ROWS_AT_ONCE)                                                    \
              RF_FOR_DOT_COLUMNS(count, RF_NAME(input, f32, dot_tile), RF_DOT_ROWS_AT_ONCE, w,     \
                                 inputs, v, x_stride, o, out_stride, next, step)                   \
            else                                                                                   \
              RF_FOR_DOT_COLUMNS(count, RF_NAME(input, f32, dot_tile), 1, w + k * inputs, inputs,  \
                                 v, x_stride, o, out_stride, next, step)                           \
          }                                                                                        \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }

RF_DOT_TILE(f32, float, rf_load_even_odd)
RF_DOT_TILE(bf16, rf_bf16, rf_widen_even_odd)
