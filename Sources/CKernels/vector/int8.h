// Products of int8 rows with panels of int8 weights. The including file defines RF_DOT (16 sums of
// four products of an unsigned and a signed byte), RF_INT8_ROWS and RF_INT8_VECTORS: how many rows
// and vectors of 16 columns a tile has, as many as registers hold twice, once as sums of a group in
// integers and once as all of the groups before.
//
// An output is one chain: for each group of 32 inputs, or half of one if each has its scale,
//
//   sum = fma((float)(the sum of the products, exact) * the input's scale, the weight's scale, sum)
//   sum = fma(the weight's minimum, the input's sum, sum)
//
// in ascending order. Every instruction set computes exactly that, so all give the same bits.

RF_INLINE rf_f32x16 rf_fma(rf_f32x16 a, rf_f32x16 b, rf_f32x16 c) {
  return __builtin_elementwise_fma(a, b, c);
}

RF_INLINE rf_f32x16 rf_add_products(rf_f32x16 sum, rf_s32x16 products, float input_scale,
                                    rf_f32x16 scales) {
  const rf_f32x16 exact = __builtin_convertvector(products, rf_f32x16);
  return rf_fma(exact * rf_splat(input_scale), scales, sum);
}

RF_INLINE rf_f32x16 rf_add_minimums(rf_f32x16 sum, rf_f32x16 minimums, float input_sum) {
  return rf_fma(minimums, rf_splat(input_sum), sum);
}

// `start` and `sum` of a part of a group.
RF_INLINE int32_t rf_part_start(const rf_int8_group *group, size_t parts, size_t part) {
  return parts == 1 ? group->start : group->starts[part];
}

RF_INLINE float rf_part_sum(const rf_int8_group *group, size_t parts, size_t part) {
  return parts == 1 ? group->sum : group->sums[part];
}

// `rows`, `vectors`, `parts` and `has_minimums` are constants where inlined.
RF_INLINE void rf_int8_tile(size_t rows, size_t vectors, size_t parts, bool has_minimums,
                            const rf_int8_product *p, size_t row, size_t vector) {
  const int8_t *inputs = p->inputs + row * p->stride;
  const char *groups = (const char *)p->groups + row * p->stride;
  const char *panel = (const char *)p->panel + 64 * vector;
  float *outputs = p->outputs + row * p->output_stride + 16 * vector;
  const size_t columns = p->columns - 16 * vector;
  rf_f32x16 sum[RF_INT8_ROWS][RF_INT8_VECTORS];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++)
      sum[r][j] = p->continues
                      ? rf_load_columns(outputs + r * p->output_stride + 16 * j, columns, 16 * j)
                      : (rf_f32x16){0};
  for (size_t g = 0; g < p->group_count; g++) {
    if (p->ahead)
      rf_prefetch((const char *)p->ahead + g * RF_INT8_GROUP_BYTES(parts, has_minimums),
                  RF_INT8_GROUP_BYTES(parts, has_minimums));
#pragma clang loop unroll(full)
    for (size_t part = 0; part < parts; part++) {
      rf_s32x16 products[RF_INT8_ROWS][RF_INT8_VECTORS];
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        const rf_int8_group *group = (const rf_int8_group *)(groups + r * p->stride) + g;
        const int32_t start = rf_part_start(group, parts, part);
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors; j++)
          products[r][j] = rf_splat_s32(start);
      }
#pragma clang loop unroll(full)
      for (size_t i = part * 8 / parts; i < (part + 1) * 8 / parts; i++) {
        rf_u8x64 weights[RF_INT8_VECTORS];
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors; j++)
          memcpy(&weights[j], panel + 4 * RF_PANEL_COLUMNS * i + 64 * j, sizeof weights[j]);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rows; r++) {
          int32_t four;
          memcpy(&four, inputs + r * p->stride + 32 * g + 4 * i, sizeof four);
          const rf_s32x16 input = rf_splat_s32(four);
#pragma clang loop unroll(full)
          for (size_t j = 0; j < vectors; j++)
            products[r][j] = RF_DOT(products[r][j], weights[j], input);
        }
        // Else the compiler loads inputs of later steps too early, and has no registers for the
        // sums.
        __asm__ volatile("" ::: "memory");
      }
      const float *scales = (const float *)(panel + RF_INT8_QUANT_BYTES) + part * RF_PANEL_COLUMNS;
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        const rf_int8_group *group = (const rf_int8_group *)(groups + r * p->stride) + g;
#pragma clang loop unroll(full)
        for (size_t j = 0; j < vectors; j++) {
          sum[r][j] =
              rf_add_products(sum[r][j], products[r][j], group->scale, rf_load(scales + 16 * j));
          if (has_minimums)
            sum[r][j] =
                rf_add_minimums(sum[r][j], rf_load(scales + parts * RF_PANEL_COLUMNS + 16 * j),
                                rf_part_sum(group, parts, part));
        }
      }
    }
    panel += RF_INT8_GROUP_BYTES(parts, has_minimums);
  }
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++) {
      if (16 * j >= columns)
        break;
      float *out = outputs + r * p->output_stride + 16 * j;
      rf_f32x16 v = sum[r][j];
      if (p->bias)
        v += rf_load_columns(p->bias + 16 * (vector + j), columns, 16 * j);
      if (p->accumulate)
        v += rf_load_columns(out, columns, 16 * j);
      if (columns - 16 * j >= 16)
        rf_store(out, v);
      else
        memcpy(out, &v, (columns - 16 * j) * sizeof(float));
    }
}

RF_INLINE void rf_int8_matrix(size_t parts, bool has_minimums, const rf_int8_product *p) {
  assert(p->rows > 0 && p->columns > 0 && p->columns <= RF_PANEL_COLUMNS);
  for (size_t vector = 0; 16 * vector < p->columns; vector += RF_INT8_VECTORS)
    for (size_t row = 0; row < p->rows; row += RF_INT8_ROWS) {
      const size_t rows = p->rows - row < RF_INT8_ROWS ? p->rows - row : RF_INT8_ROWS;
      RF_INT8_FOR_ROWS(rows, rf_int8_tile, RF_INT8_VECTORS, parts, has_minimums, p, row, vector)
    }
}

void RF_NAME(s8g32, f32, matrix_nx32)(const rf_int8_product *p) { rf_int8_matrix(1, false, p); }
void RF_NAME(s8g32m, f32, matrix_nx32)(const rf_int8_product *p) { rf_int8_matrix(1, true, p); }
void RF_NAME(s8g16, f32, matrix_nx32)(const rf_int8_product *p) { rf_int8_matrix(2, false, p); }
void RF_NAME(s8g16m, f32, matrix_nx32)(const rf_int8_product *p) { rf_int8_matrix(2, true, p); }

// What the products of a part of a group begin with where a format's quants lack `bias` of the 128
// of which `start` takes account.
RF_INLINE rf_s32x16 rf_dot_start(const rf_int8_group *group, size_t parts, size_t part,
                                 uint8_t bias) {
  return rf_splat_s32((rf_part_start(group, parts, part) >> 7) * (128 - bias));
}

// A row of int8 that is multiplied with rows of weights as they lie.
typedef struct rf_dot_input {
  const int8_t *quants;
  const rf_int8_group *groups;
} rf_dot_input;

RF_INLINE rf_dot_input rf_dot_input_from(rf_dot_input input, size_t group) {
  return (rf_dot_input){input.quants + 32 * group, input.groups + group};
}
