// Between float32 and the rows and panels of int8: see int8.h.

// Rounds rows of float32 to int8 in groups of 32: q = x * 127 / max |x|, to the nearest, ties to
// even. A group that has an infinity or a NaN gets a scale that is NaN, so that the outputs show
// it.
void RF_NAME(f32, s8, quantize_1xn)(const float *x, size_t count, void *out) {
  const size_t group_count = (count + 31) / 32;
  int8_t *quants = out;
  rf_int8_group *groups = (rf_int8_group *)(quants + 32 * group_count);
  for (size_t g = 0; g < group_count; g++, x += 32, quants += 32) {
    rf_f32x16 v[2];
    if (count - 32 * g >= 32) {
      v[0] = rf_load(x);
      v[1] = rf_load(x + 16);
    } else {
      float tail[32] = {0};
      memcpy(tail, x, (count - 32 * g) * sizeof *tail);
      v[0] = rf_load(tail);
      v[1] = rf_load(tail + 16);
    }
    // As integers, the larger magnitude is the larger number, and NaN the largest of all.
    const rf_s32x16 a = (rf_s32x16)v[0] & 0x7fffffff, b = (rf_s32x16)v[1] & 0x7fffffff;
    const int32_t bits = __builtin_reduce_max(__builtin_elementwise_max(a, b));
    float largest;
    memcpy(&largest, &bits, sizeof largest);
    const bool is_finite = bits < 0x7f800000;
    // Below 2^-120 the factor would overflow, and the products count for nothing.
    const bool counts = is_finite && largest >= 0x1p-120f;
    const rf_f32x16 factor = rf_splat(counts ? 127.0f / largest : 0.0f);
    int32_t sums[2];
#pragma clang loop unroll(full)
    for (size_t half = 0; half < 2; half++) {
      const rf_f32x16 y = counts ? rf_round_to_integer(v[half] * factor) : (rf_f32x16){0};
      const rf_s32x16 q = __builtin_convertvector(y, rf_s32x16);
      const rf_s8x16 bytes = __builtin_convertvector(q, rf_s8x16);
      memcpy(quants + 16 * half, &bytes, sizeof bytes);
      sums[half] = __builtin_reduce_add(q);
    }
    const float scale = counts ? largest / 127.0f : is_finite ? 0.0f : NAN;
    groups[g] = (rf_int8_group){
        .scale = scale,
        .start = -128 * (sums[0] + sums[1]),
        .starts = {-128 * sums[0], -128 * sums[1]},
        .sum = scale * (float)(sums[0] + sums[1]),
        .sums = {scale * (float)sums[0], scale * (float)sums[1]},
    };
  }
}

// Weights 4 i + byte of a group, of 16 columns of a panel: scale * q + minimum, rounded twice.
RF_INLINE rf_f32x16 rf_unpacked_column(const uint8_t *group, size_t i, size_t byte, size_t half,
                                       size_t parts, bool has_minimums) {
#pragma clang fp contract(off)
  rf_u32x16 words;
  memcpy(&words, group + 4 * RF_PANEL_COLUMNS * i + 64 * half, sizeof words);
  const rf_s32x16 q = (rf_s32x16)((words >> (uint32_t)(8 * byte)) & 0xff) - 128;
  const float *scales =
      (const float *)(group + RF_INT8_QUANT_BYTES) + (i * parts / 8) * RF_PANEL_COLUMNS + 16 * half;
  const rf_f32x16 product = __builtin_convertvector(q, rf_f32x16) * rf_load(scales);
  return has_minimums ? product + rf_load(scales + parts * RF_PANEL_COLUMNS) : product;
}

void RF_NAME(u8, f32, unpack_32xn)(const void *panel, size_t group_count, size_t parts,
                                   bool has_minimums, void *out) {
  const uint8_t *group = panel;
  float *to = out;
  for (size_t g = 0; g < group_count; g++, group += RF_INT8_GROUP_BYTES(parts, has_minimums))
    for (size_t k = 0; k < 32; k++)
      for (size_t half = 0; half < 2; half++, to += 16)
        rf_store(to, rf_unpacked_column(group, k / 4, k % 4, half, parts, has_minimums));
}

void RF_NAME(u8, f32bf16, unpack_32xn)(const void *panel, size_t group_count, size_t parts,
                                       bool has_minimums, void *out) {
  const uint8_t *group = panel;
  float *to = out;
  for (size_t g = 0; g < group_count; g++, group += RF_INT8_GROUP_BYTES(parts, has_minimums))
    for (size_t k = 0; k < 32; k++)
      for (size_t half = 0; half < 2; half++, to += 16)
        rf_store(to, rf_round_to_bf16(
                         rf_unpacked_column(group, k / 4, k % 4, half, parts, has_minimums)));
}

void RF_NAME(u8, bf16, unpack_32xn)(const void *panel, size_t group_count, size_t parts,
                                    bool has_minimums, void *out) {
  const uint8_t *group = panel;
  uint8_t *to = out;
  for (size_t g = 0; g < group_count; g++, group += RF_INT8_GROUP_BYTES(parts, has_minimums))
    for (size_t k = 0; k < 32; k += 2)
      for (size_t half = 0; half < 2; half++, to += 64) {
        const rf_f32x16 first =
            rf_round_to_bf16(rf_unpacked_column(group, k / 4, k % 4, half, parts, has_minimums));
        const rf_f32x16 second = rf_round_to_bf16(
            rf_unpacked_column(group, k / 4, k % 4 + 1, half, parts, has_minimums));
        const rf_u32x16 pairs = (rf_u32x16)first >> 16 | (rf_u32x16)second;
        memcpy(to, &pairs, sizeof pairs);
      }
}

// rf_widen_values_function. `rounds` is a constant where inlined: whether values are rounded to
// bf16.
RF_INLINE void rf_widen_values(const void *panel, size_t columns, bool rounds, float *out) {
  assert(columns == 16 || columns == RF_PANEL_COLUMNS);
  const uint8_t *quants = panel;
  const float *scales = (const float *)(quants + RF_BLOCK_KEYS * RF_PANEL_COLUMNS);
  for (size_t key = 0; key < RF_BLOCK_KEYS; key += 2, quants += 2 * RF_PANEL_COLUMNS) {
    __builtin_prefetch(quants + RF_CACHE_AHEAD, 0, 3);
    for (size_t column = 0; column < columns; column += 16) {
      rf_s16x16 pairs;
      memcpy(&pairs, quants + 2 * column, sizeof pairs);
      const rf_s16x16 halves[2] = {(rf_s16x16)((rf_u16x16)pairs << 8) >> 8, pairs >> 8};
#pragma clang loop unroll(full)
      for (size_t i = 0; i < 2; i++) {
        rf_f32x16 v = __builtin_convertvector(halves[i], rf_f32x16) * rf_splat(scales[key + i]);
        if (rounds)
          v = rf_round_to_bf16(v);
        rf_store(out + (key + i) * columns + column, v);
      }
    }
  }
}

void RF_NAME(s8, f32, widen_values_256x32)(const void *panel, size_t columns, void *out) {
  rf_widen_values(panel, columns, false, out);
}

void RF_NAME(s8, f32bf16, widen_values_256x32)(const void *panel, size_t columns, void *out) {
  rf_widen_values(panel, columns, true, out);
}
