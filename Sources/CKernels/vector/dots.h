// Dot products of rows of weights with one or a few inputs: most of the work for a generated token.
// How fast the weights come from memory decides how long it takes.
//
// For one input, four rows are read side by side. The sum of a row is kept in two vectors, one for
// the even inputs and one for the odd inputs, because bf16 is then widened with one operation a
// vector. It is the same for any number of rows.
//
// For several inputs, the sums of a tile (a few rows times a few inputs) stay in registers, so that
// each row is loaded once for all inputs of the tile. These inputs come split into even and odd
// lanes. The sums are the same as for one input.

#if !defined(RF_DOT_COLUMNS) || !defined(RF_DOT_ROWS_AT_ONCE)
#error "Define RF_DOT_COLUMNS and RF_DOT_ROWS_AT_ONCE before this header."
#endif
_Static_assert(RF_DOT_COLUMNS <= 4, "RF_FOR_ROWS_4 has a case for each number of columns");

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

// Weights are bf16 or float32. `is_bf16` is a constant where inlined, here and below.
RF_INLINE size_t rf_weight_bytes(bool is_bf16) { return is_bf16 ? sizeof(rf_bf16) : sizeof(float); }

RF_INLINE const void *rf_weight_at(const void *weights, size_t index, bool is_bf16) {
  return is_bf16 ? (const void *)((const rf_bf16 *)weights + index)
                 : (const void *)((const float *)weights + index);
}

// Loads 32 weights: w[0] the even ones, w[1] the odd ones.
RF_INLINE void rf_load_weights(const void *weights, bool is_bf16, rf_f32x16 w[2]) {
  if (is_bf16)
    rf_widen_even_odd(weights, w);
  else
    rf_load_even_odd(weights, w);
}

// The same if only `count` weights are left; the others become zeros.
RF_INLINE void rf_load_weights_tail(const void *weights, size_t count, bool is_bf16,
                                    rf_f32x16 w[2]) {
  float tail[32] = {0};
  memcpy(tail, weights, count * rf_weight_bytes(is_bf16));
  rf_load_weights(tail, is_bf16, w);
}

// out[rows] = weights[rows][inputs] . x[inputs]. `rows` is a constant where inlined.
RF_INLINE void rf_dot_rows(size_t rows, const void *weights, size_t row_stride, size_t inputs,
                           bool is_bf16, const float *x, size_t ahead, float *out) {
  const size_t weight_bytes = rf_weight_bytes(is_bf16);
  rf_f32x16 even[4], odd[4];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
    even[r] = odd[r] = (rf_f32x16){0};
  for (size_t i = 0; i + 32 <= inputs; i += 32) {
    rf_f32x16 v[2];
    rf_load_even_odd(x + i, v);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      rf_f32x16 w[2];
      const void *row = rf_weight_at(weights, r * row_stride + i, is_bf16);
      for (size_t line = 0; line < 32 * weight_bytes; line += 64)
        __builtin_prefetch((const char *)row + ahead + line, 0, 2);
      rf_load_weights(row, is_bf16, w);
      even[r] = w[0] * v[0] + even[r];
      odd[r] = w[1] * v[1] + odd[r];
    }
  }
  const size_t rest = inputs % 32;
  if (rest) {
    rf_f32x16 v[2];
    rf_load_weights_tail(x + inputs - rest, rest, false, v);
    for (size_t r = 0; r < rows; r++) {
      rf_f32x16 w[2];
      rf_load_weights_tail(rf_weight_at(weights, r * row_stride + inputs - rest, is_bf16), rest,
                           is_bf16, w);
      even[r] = w[0] * v[0] + even[r];
      odd[r] = w[1] * v[1] + odd[r];
    }
  }
  for (size_t r = 0; r < rows; r++)
    out[r] = rf_sum(even[r] + odd[r]);
}

// rf_dot_4_function. `is_bf16` is a constant where inlined.
RF_INLINE void rf_dot_chunks(const void *weights, size_t row_stride, size_t rows, size_t inputs,
                             size_t chunks, bool is_bf16, const float *x, float *out) {
  assert(rows > 0 && rows <= 4);
  const size_t bytes = rf_weight_bytes(is_bf16);
  const size_t ahead = rf_bytes_ahead(RF_PREFETCH_BYTES, row_stride * bytes, inputs * bytes);
  for (size_t chunk = 0; chunk < chunks; chunk++) {
    const size_t first = chunk * RF_CHUNK_INPUTS;
    const size_t count = chunk + 1 < chunks ? RF_CHUNK_INPUTS : inputs - first;
    RF_FOR_ROWS_4(rows, rf_dot_rows, rf_weight_at(weights, first, is_bf16), row_stride, count,
                  is_bf16, x + first, ahead, out + 4 * chunk)
  }
}

void RF_NAME(f32, f32, dot_4x1)(const void *weights, size_t row_stride, size_t rows, size_t inputs,
                                size_t chunks, const void *x, float *out) {
  rf_dot_chunks(weights, row_stride, rows, inputs, chunks, false, x, out);
}

void RF_NAME(bf16, f32, dot_4x1)(const void *weights, size_t row_stride, size_t rows, size_t inputs,
                                 size_t chunks, const void *x, float *out) {
  rf_dot_chunks(weights, row_stride, rows, inputs, chunks, true, x, out);
}

// rf_split_function.
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

// How many rows make a block: their weights stay in a near cache while all inputs meet them.
RF_INLINE size_t rf_dot_rows_per_block(size_t row_bytes) {
  const size_t rows = (64 << 10) / (row_bytes ? row_bytes : 1) / RF_DOT_ROWS_AT_ONCE;
  return (rows ? rows : 1) * RF_DOT_ROWS_AT_ONCE;
}

// Adds the products of 32 inputs to a tile's sums: sums[0] is of the even inputs, sums[1] of the
// odd ones. `columns` and `rows` are constants where inlined.
RF_INLINE void rf_dot_step(size_t columns, size_t rows, rf_f32x16 w[RF_DOT_ROWS_AT_ONCE][2],
                           const float *x, size_t x_stride,
                           rf_f32x16 sums[2][RF_DOT_COLUMNS][RF_DOT_ROWS_AT_ONCE]) {
#pragma clang loop unroll(full)
  for (size_t half = 0; half < 2; half++)
#pragma clang loop unroll(full)
    for (size_t c = 0; c < columns; c++) {
      const rf_f32x16 v = rf_load(x + c * x_stride + 16 * half);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++)
        sums[half][c][r] = w[r][half] * v + sums[half][c][r];
    }
}

// out[columns][rows] = weights[rows][inputs] . x[columns][inputs]. `columns` and `rows` are
// constants where inlined. `next` is memory that is read later. A tile prefetches it little by
// little, one line for every 32 inputs, each `next_step` bytes further: so memory is never idle,
// and no load from the cache waits behind many prefetches.
RF_INLINE void rf_dot_tile(size_t columns, size_t rows, const void *weights, size_t row_stride,
                           size_t inputs, bool is_bf16, const float *x, size_t x_stride, float *out,
                           size_t out_stride, const char *next, size_t next_step) {
  rf_f32x16 sums[2][RF_DOT_COLUMNS][RF_DOT_ROWS_AT_ONCE];
  rf_f32x16 w[RF_DOT_ROWS_AT_ONCE][2];
#pragma clang loop unroll(full)
  for (size_t c = 0; c < columns; c++)
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++)
      sums[0][c][r] = sums[1][c][r] = (rf_f32x16){0};
  size_t i = 0;
  for (; i + 32 <= inputs; i += 32, next += next_step) {
    __builtin_prefetch(next, 0, 2);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++)
      rf_load_weights(rf_weight_at(weights, r * row_stride + i, is_bf16), is_bf16, w[r]);
    rf_dot_step(columns, rows, w, x + i, x_stride, sums);
  }
  if (i < inputs) {
    __builtin_prefetch(next, 0, 2);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++)
      rf_load_weights_tail(rf_weight_at(weights, r * row_stride + i, is_bf16), inputs - i, is_bf16,
                           w[r]);
    rf_dot_step(columns, rows, w, x + i, x_stride, sums);
  }
#pragma clang loop unroll(full)
  for (size_t c = 0; c < columns; c++)
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++)
      out[c * out_stride + r] = rf_sum(sums[0][c][r] + sums[1][c][r]);
}

// rf_dots_function, tile by tile: all columns of one block of rows, then the next block.
RF_INLINE void rf_dot_tiles(const void *weights, size_t row_stride, size_t rows, size_t inputs,
                            bool is_bf16, const float *x, size_t columns, size_t x_stride,
                            float *out, size_t out_stride) {
  assert(inputs > 0 && x_stride >= (inputs + 31) / 32 * 32 && out_stride >= rows);
  const size_t row_bytes = inputs * rf_weight_bytes(is_bf16);
  const size_t rows_per_block = rf_dot_rows_per_block(row_bytes);
  const size_t groups = (columns + RF_DOT_COLUMNS - 1) / RF_DOT_COLUMNS;
  for (size_t block = 0; block < rows; block += rows_per_block) {
    const size_t end = rows - block < rows_per_block ? rows : block + rows_per_block;
    for (size_t group = 0; group < groups; group++) {
      const size_t c = group * RF_DOT_COLUMNS;
      const size_t count = columns - c < RF_DOT_COLUMNS ? columns - c : RF_DOT_COLUMNS;
      const float *v = x + c * x_stride;
      for (size_t r = block; r < end; r += RF_DOT_ROWS_AT_ONCE) {
        const size_t at_once = end - r < RF_DOT_ROWS_AT_ONCE ? end - r : RF_DOT_ROWS_AT_ONCE;
        const void *w = rf_weight_at(weights, r * row_stride, is_bf16);
        const size_t part = at_once * row_bytes / groups;
        const size_t step = part / ((inputs + 31) / 32);
        const char *next =
            (const char *)rf_weight_at(w, rows_per_block * row_stride, is_bf16) + group * part;
        float *o = out + c * out_stride + r;
        if (at_once == RF_DOT_ROWS_AT_ONCE)
          RF_FOR_ROWS_4(count, rf_dot_tile, RF_DOT_ROWS_AT_ONCE, w, row_stride, inputs, is_bf16, v,
                        x_stride, o, out_stride, next, step)
        else
          for (size_t k = 0; k < at_once; k++)
            RF_FOR_ROWS_4(count, rf_dot_tile, 1, rf_weight_at(w, k * row_stride, is_bf16),
                          row_stride, inputs, is_bf16, v, x_stride, o + k, out_stride, next, step)
      }
    }
  }
}

void RF_NAME(f32, f32, dot_nxn)(const void *weights, size_t row_stride, size_t rows, size_t inputs,
                                const void *x, size_t columns, size_t x_stride, float *out,
                                size_t out_stride) {
  rf_dot_tiles(weights, row_stride, rows, inputs, false, x, columns, x_stride, out, out_stride);
}

void RF_NAME(bf16, f32, dot_nxn)(const void *weights, size_t row_stride, size_t rows, size_t inputs,
                                 const void *x, size_t columns, size_t x_stride, float *out,
                                 size_t out_stride) {
  rf_dot_tiles(weights, row_stride, rows, inputs, true, x, columns, x_stride, out, out_stride);
}
