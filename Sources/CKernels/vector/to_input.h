// What ends in a matrix input, written once for float32 and once for float32 rounded to bf16. The
// including file defines RF_INPUT (f32 or rounded), RF_TO_INPUT(v) and RF_TO_INPUT_F64(x), the
// rounding of 16 lanes and of one, and RF_SUM_WITH_REST(o, rest).

void RF_NAME(f32, RF_INPUT, softmax_1x256)(const float *scores, float scale, size_t begin,
                                           size_t end, void *out, float *maximum, float *sum) {
  float *p = out;
  const bool masked = begin > 0 || end < RF_BLOCK_KEYS;
  // Hidden keys take a score so low that their p is 0 under any maximum.
  const rf_f32x16 hidden = rf_splat(-1e30f);
  const size_t first = begin / 16, last = (end + 15) / 16;

  rf_f32x16 largest = hidden;
  for (size_t i = first; i < last; i++) {
    rf_f32x16 s = rf_load(scores + 16 * i) * scale;
    if (masked)
      s = rf_select(rf_visible(16 * i, begin, end), s, hidden);
    largest = rf_select(s > largest, s, largest);
  }
  const float m = ceilf(rf_largest(largest));

  rf_f32x16 total = {0};
  for (size_t i = 0; i < RF_BLOCK_KEYS / 16; i++) {
    if (i < first || i >= last) {
      rf_store(p + 16 * i, (rf_f32x16){0});
      continue;
    }
    rf_f32x16 s = rf_load(scores + 16 * i) * scale;
    if (masked)
      s = rf_select(rf_visible(16 * i, begin, end), s, hidden);
    rf_f32x16 y = RF_TO_INPUT(rf_exp2_below(s, m));
    total += y;
    rf_store(p + 16 * i, y);
  }
  *maximum = m;
  *sum = rf_sum(total);
}

void RF_NAME(f64, RF_INPUT, finish_1xn)(const double *o, const double *rest, size_t columns,
                                        double sum, void *out) {
  float *y = out;
  (void)rest;
  for (size_t i = 0; i < columns; i++)
    y[i] = RF_TO_INPUT_F64(RF_SUM_WITH_REST(o[i], rest[i]) / sum);
}

void RF_NAME(f32, RF_INPUT, rms_norm_1xn)(const float *x, const float *weight, size_t columns,
                                          float epsilon, void *out) {
  float *y = out;
  rf_f32x16 squares = {0};
  size_t i = 0;
  for (; i + 16 <= columns; i += 16)
    squares += rf_load(x + i) * rf_load(x + i);
  if (i < columns) {
    rf_f32x16 v = rf_load_tail(x + i, columns - i);
    squares += v * v;
  }
  const float scale = 1.0f / sqrtf(rf_sum(squares) / (float)columns + epsilon);
  for (i = 0; i + 16 <= columns; i += 16)
    rf_store(y + i, RF_TO_INPUT(rf_load(x + i) * scale * rf_load(weight + i)));
  if (i < columns) {
    rf_f32x16 v = rf_load_tail(x + i, columns - i) * scale * rf_load_tail(weight + i, columns - i);
    v = RF_TO_INPUT(v);
    memcpy(y + i, &v, (columns - i) * sizeof(float));
  }
}

// A gated activation of one row.
#define RF_GATED(operation)                                                                        \
  void RF_NAME(f32, RF_INPUT, operation##_1xn)(const float *gate, const float *up, size_t columns, \
                                               void *out) {                                        \
    float *y = out;                                                                                \
    size_t i = 0;                                                                                  \
    for (; i + 16 <= columns; i += 16)                                                             \
      rf_store(y + i, RF_TO_INPUT(rf_##operation(rf_load(gate + i), rf_load(up + i))));            \
    if (i < columns) {                                                                             \
      rf_f32x16 v = RF_TO_INPUT(                                                                   \
          rf_##operation(rf_load_tail(gate + i, columns - i), rf_load_tail(up + i, columns - i))); \
      memcpy(y + i, &v, (columns - i) * sizeof(float));                                            \
    }                                                                                              \
  }

RF_GATED(swiglu)
RF_GATED(geglu)
#undef RF_GATED

void RF_NAME(f32, RF_INPUT, round_1xn)(const float *x, size_t count, void *out) {
  float *y = out;
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    rf_store(y + i, RF_TO_INPUT(rf_load(x + i)));
  if (i < count) {
    rf_f32x16 v = RF_TO_INPUT(rf_load_tail(x + i, count - i));
    memcpy(y + i, &v, (count - i) * sizeof(float));
  }
}

#undef RF_INPUT
#undef RF_TO_INPUT
#undef RF_TO_INPUT_F64
#undef RF_SUM_WITH_REST
