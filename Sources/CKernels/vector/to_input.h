// Kernels whose result is a matrix input. kernels.h includes this file twice: for float32, and for
// float32 rounded to bf16. Before each it defines RF_INPUT (f32 or f32bf16), RF_TO_INPUT(v) and
// RF_TO_INPUT_F64(x) (how 16 lanes and how one Float64 are rounded), RF_EXP2_BELOW(s, maximum),
// RF_HAS_REST (whether a state has a rest) and RF_SUM_WITH_REST(o, rest).

#if !defined(RF_INPUT) || !defined(RF_TO_INPUT) || !defined(RF_TO_INPUT_F64)
#error "Define RF_INPUT, RF_TO_INPUT and RF_TO_INPUT_F64 before this header."
#endif
#if !defined(RF_EXP2_BELOW) || !defined(RF_HAS_REST) || !defined(RF_SUM_WITH_REST)
#error "Define RF_EXP2_BELOW, RF_HAS_REST and RF_SUM_WITH_REST before this header."
#endif

// 16 scores. That of a hidden key is so low that its p is 0 whatever the maximum is.
RF_INLINE rf_f32x16 RF_NAME(f32, RF_INPUT, score_16)(const float *scores, size_t key, size_t begin,
                                                     size_t end, bool masked) {
  const rf_f32x16 s = rf_load(scores + key);
  return masked ? rf_select(rf_visible(key, begin, end), s, rf_splat(-1e30f)) : s;
}

// The numerators of one row. Two chains of maxima, and two of sums, hide the latency. `masked` is a
// constant where inlined.
RF_INLINE void RF_NAME(f32, RF_INPUT, softmax_row)(const float *scores, float scale, size_t begin,
                                                   size_t end, bool masked, float *p,
                                                   float *maximum, float *sum) {
  const size_t first = masked ? begin / 32 * 32 : 0;
  const size_t last = masked ? (end + 31) / 32 * 32 : RF_BLOCK_KEYS;
  // The scale is positive, so the largest score is the largest after scaling too.
  rf_f32x16 largest[2] = {rf_splat(-1e30f), rf_splat(-1e30f)};
  for (size_t key = first; key < last; key += 32)
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 2; i++) {
      const rf_f32x16 s =
          RF_NAME(f32, RF_INPUT, score_16)(scores, key + 16 * i, begin, end, masked);
      largest[i] = rf_maximum(s, largest[i]);
    }
  const float m = ceilf(rf_largest(rf_maximum(largest[0], largest[1])) * scale);

  rf_f32x16 total[2] = {{0}, {0}};
  for (size_t key = 0; key < first; key += 16)
    rf_store(p + key, (rf_f32x16){0});
  for (size_t key = first; key < last; key += 32)
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 2; i++) {
      const rf_f32x16 s =
          RF_NAME(f32, RF_INPUT, score_16)(scores, key + 16 * i, begin, end, masked);
      const rf_f32x16 y = RF_EXP2_BELOW(s * scale, m);
      total[i] += y;
      rf_store(p + key + 16 * i, y);
    }
  for (size_t key = last; key < RF_BLOCK_KEYS; key += 16)
    rf_store(p + key, (rf_f32x16){0});
  *maximum = m;
  *sum = rf_sum(total[0] + total[1]);
}

void RF_NAME(f32, RF_INPUT, softmax_nx256)(size_t rows, const float *scores, float scale,
                                           const rf_visible_keys *visible, void *out,
                                           double *states, size_t state_stride,
                                           rf_merge_factors *factors) {
  for (size_t r = 0; r < rows; r++, states += state_stride) {
    const float *row = scores + r * RF_BLOCK_KEYS;
    float *p = (float *)out + r * RF_BLOCK_KEYS;
    const rf_visible_keys keys = visible ? visible[r] : (rf_visible_keys){0, RF_BLOCK_KEYS};
    assert(keys.end <= RF_BLOCK_KEYS);
    float maximum = -INFINITY, sum = 0;
    if (keys.begin >= keys.end)
      memset(p, 0, RF_BLOCK_KEYS * sizeof(float));
    else if (keys.begin == 0 && keys.end == RF_BLOCK_KEYS)
      RF_NAME(f32, RF_INPUT, softmax_row)(row, scale, 0, 0, false, p, &maximum, &sum);
    else
      RF_NAME(f32, RF_INPUT, softmax_row)
    (row, scale, keys.begin, keys.end, true, p, &maximum, &sum);
    factors[r] = rf_merge_sum(states, maximum, sum, RF_HAS_REST);
  }
}

void RF_NAME(f64, RF_INPUT, finish_1xn)(const double *o, const double *rest, size_t columns,
                                        double sum, void *out) {
  assert(!rest == !RF_HAS_REST);
  float *y = out;
  (void)rest;
  for (size_t i = 0; i < columns; i++)
    y[i] = RF_TO_INPUT_F64(RF_SUM_WITH_REST(o[i], rest[i]) / sum);
}

void RF_NAME(f32, RF_INPUT, rms_norm_1xn)(const float *x, const float *weight, size_t columns,
                                          float epsilon, void *out) {
  assert(columns > 0);
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

// GeGLU or SwiGLU of 16 lanes, rounded. `is_geglu` is a constant where inlined.
RF_INLINE rf_f32x16 RF_NAME(f32, RF_INPUT, gated_16)(rf_f32x16 gate, rf_f32x16 up, bool is_geglu) {
  return RF_TO_INPUT(is_geglu ? rf_geglu(gate, up) : rf_swiglu(gate, up));
}

RF_INLINE void RF_NAME(f32, RF_INPUT, gated)(const float *gate, const float *up, size_t columns,
                                             bool is_geglu, float *out) {
  size_t i = 0;
  for (; i + 16 <= columns; i += 16)
    rf_store(out + i,
             RF_NAME(f32, RF_INPUT, gated_16)(rf_load(gate + i), rf_load(up + i), is_geglu));
  if (i < columns) {
    const size_t count = columns - i;
    const rf_f32x16 v = RF_NAME(f32, RF_INPUT, gated_16)(rf_load_tail(gate + i, count),
                                                         rf_load_tail(up + i, count), is_geglu);
    memcpy(out + i, &v, count * sizeof(float));
  }
}

void RF_NAME(f32, RF_INPUT, swiglu_1xn)(const float *gate, const float *up, size_t columns,
                                        void *out) {
  RF_NAME(f32, RF_INPUT, gated)(gate, up, columns, false, out);
}

void RF_NAME(f32, RF_INPUT, geglu_1xn)(const float *gate, const float *up, size_t columns,
                                       void *out) {
  RF_NAME(f32, RF_INPUT, gated)(gate, up, columns, true, out);
}

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
#undef RF_EXP2_BELOW
#undef RF_HAS_REST
#undef RF_SUM_WITH_REST
