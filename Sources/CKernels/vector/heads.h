// Kernels that change the heads of one token in place: x[rows][head_dimension] float32, one head a
// row. Included after to_input.h.

// RoPE turns each pair (x[i], x[pairs + i]) by an angle whose cosine and sine are given. Every
// product is rounded before the sum, so that all instruction sets give the same bits: a fused
// multiply-add would round only once, and not every CPU has one.
RF_INLINE void rf_rotate_16(rf_f32x16 *first, rf_f32x16 *second, rf_f32x16 cosine, rf_f32x16 sine) {
#pragma clang fp contract(off)
  const rf_f32x16 x = *first, y = *second;
  *first = x * cosine - y * sine;
  *second = y * cosine + x * sine;
}

void RF_NAME(f32, f32, rotate_halves_nxn)(size_t rows, size_t head_dimension, size_t pairs,
                                          const float *cosines, const float *sines, float *x) {
  assert(2 * pairs <= head_dimension);
  for (size_t row = 0; row < rows; row++, x += head_dimension) {
    float *firsts = x, *seconds = x + pairs;
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

void RF_NAME(f32, f32, head_norm_nxn)(size_t rows, size_t head_dimension, const float *weight,
                                      float epsilon, float *x) {
  for (size_t row = 0; row < rows; row++, x += head_dimension)
    RF_NAME(f32, f32, rms_norm_1xn)(x, weight, head_dimension, epsilon, x);
}
