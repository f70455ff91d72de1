// Kernels that change the heads of one token in place: x[rows][head_dimension] float32, one head a
// row. Included after to_input.h.

// RoPE turns each pair (x[i], x[distance + i]) by an angle whose cosine and sine are given. Every
// product is rounded before the sum, so that all instruction sets give the same bits: a fused
// multiply-add would round only once, and not every CPU has one.
RF_INLINE void rf_rotate_16(rf_f32x16 *first, rf_f32x16 *second, rf_f32x16 cosine, rf_f32x16 sine) {
#pragma clang fp contract(off)
  const rf_f32x16 x = *first, y = *second;
  *first = x * cosine - y * sine;
  *second = y * cosine + x * sine;
}

void RF_NAME(f32, f32, rotate_halves_nxn)(size_t rows, size_t head_dimension, size_t pairs,
                                          size_t distance, const float *cosines, const float *sines,
                                          float *x) {
  assert(pairs <= distance && distance + pairs <= head_dimension);
  for (size_t row = 0; row < rows; row++, x += head_dimension) {
    float *firsts = x, *seconds = x + distance;
    size_t i = 0;
    for (; i + 16 <= pairs; i += 16) {
      rf_f32x16 first = rf_load(firsts + i), second = rf_load(seconds + i);
      rf_rotate_16(&first, &second, rf_load(cosines + i), rf_load(sines + i));
      rf_store(firsts + i, first);
      rf_store(seconds + i, second);
    }
    if (i < pairs) {
      const size_t count = pairs - i;
      rf_f32x16 first = rf_load_tail(firsts + i, count), second = rf_load_tail(seconds + i, count);
      rf_rotate_16(&first, &second, rf_load_tail(cosines + i, count),
                   rf_load_tail(sines + i, count));
      memcpy(firsts + i, &first, count * sizeof(float));
      memcpy(seconds + i, &second, count * sizeof(float));
    }
  }
}

// Rotates the 16 pairs at x, which lie side by side.
RF_INLINE void rf_rotate_16_adjacent(float *x, rf_f32x16 cosine, rf_f32x16 sine) {
  const rf_f32x16 a = rf_load(x), b = rf_load(x + 16);
  rf_f32x16 first =
      __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  rf_f32x16 second =
      __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  rf_rotate_16(&first, &second, cosine, sine);
  rf_store(x, __builtin_shufflevector(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                      22, 7, 23));
  rf_store(x + 16, __builtin_shufflevector(first, second, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                           29, 14, 30, 15, 31));
}

void RF_NAME(f32, f32, rotate_pairs_nxn)(size_t rows, size_t head_dimension, size_t pairs,
                                         const float *cosines, const float *sines, float *x) {
  assert(2 * pairs <= head_dimension);
  for (size_t row = 0; row < rows; row++, x += head_dimension) {
    size_t i = 0;
    for (; i + 16 <= pairs; i += 16)
      rf_rotate_16_adjacent(x + 2 * i, rf_load(cosines + i), rf_load(sines + i));
    if (i < pairs) {
      const size_t count = pairs - i;
      float rest[32] = {0};
      memcpy(rest, x + 2 * i, 2 * count * sizeof(float));
      rf_rotate_16_adjacent(rest, rf_load_tail(cosines + i, count), rf_load_tail(sines + i, count));
      memcpy(x + 2 * i, rest, 2 * count * sizeof(float));
    }
  }
}

void RF_NAME(f32, f32, head_norm_nxn)(size_t rows, size_t head_dimension, const float *weight,
                                      float epsilon, float *x) {
  for (size_t row = 0; row < rows; row++, x += head_dimension)
    RF_NAME(f32, f32, rms_norm_1xn)(x, weight, head_dimension, epsilon, x);
}
