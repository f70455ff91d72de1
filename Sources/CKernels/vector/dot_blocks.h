// Products of one row of int8 with 32 rows of one format, as these lie in memory: see
// format_kernel.h. The bits are those of packing and rf_int8_matrix, as the sums of a group are
// exact in any order and the chain is the same (see int8.h).
//
// A vector of weights is four lanes of 16; its products with the inputs are four sums a lane, and
// rf_lane_totals gives those of 16 lanes. Lanes are the same part of a block of four rows. Where a
// block is one group, lanes are four blocks of a row instead, which few loads have. 16 rows go side
// by side, so that the caches' own prefetching follows as many streams while there is something to
// compute.

// The products of 16 rows with a group of a block.
RF_INLINE void RF_NAME(RF_FORMAT, s8, group_products)(rf_panel_rows rows, size_t first, size_t byte,
                                                      size_t group, const int8_t *input,
                                                      const rf_int8_group *input_group,
                                                      rf_s32x16 *products) {
  const rf_s32x16 low = rf_all_lanes(input), high = rf_all_lanes(input + 16);
  rf_s32x16 sums[RF_PARTS][4];
  uint8_t bias = 0;
#pragma clang loop unroll(full)
  for (size_t j = 0; j < 4; j++) {
    // Rows 4 L + j are lane L of the vectors j.
    const rf_quants q = RF_QUANTS(RF_FORMAT)(rf_rows_at(rows, first + j, 4, byte), group);
    const rf_s32x16 none = {0};
    sums[0][j] = RF_DOT(none, q.low, low);
    sums[RF_PARTS - 1][j] = RF_DOT(RF_PARTS == 1 ? sums[0][j] : none, q.high, high);
    bias = q.bias;
  }
#pragma clang loop unroll(full)
  for (size_t part = 0; part < RF_PARTS; part++)
    products[part] = rf_lane_totals(sums[part]) + rf_dot_start(input_group, RF_PARTS, part, bias);
}

// Adds the products of 16 rows with one of their blocks to the chain.
RF_INLINE rf_f32x16 RF_NAME(RF_FORMAT, s8, dot_16_block)(rf_f32x16 sum, rf_panel_rows rows,
                                                         size_t first, size_t byte,
                                                         const char *ahead, rf_dot_input input) {
  float scales[RF_FORMAT_GROUPS][4][RF_PANEL_COLUMNS];
  const rf_scale_slots slots = {scales[0][0], 4 * RF_PANEL_COLUMNS, RF_PARTS * RF_PANEL_COLUMNS};
  RF_SCALES(RF_FORMAT)((rf_sixteen_rows){rows, first, byte, 0}, slots);
#pragma clang loop unroll(full)
  for (size_t g = 0; g < RF_FORMAT_GROUPS; g++) {
    ahead = rf_prefetch_ahead(ahead, 16 * RF_FORMAT_BYTES / RF_FORMAT_GROUPS);
    const rf_int8_group *group = input.groups + g;
    rf_s32x16 products[RF_PARTS];
    RF_NAME(RF_FORMAT, s8, group_products)
    (rows, first, byte, g, input.quants + 32 * g, group, products);
#pragma clang loop unroll(full)
    for (size_t part = 0; part < RF_PARTS; part++) {
      sum = rf_add_products(sum, products[part], group->scale, rf_load(scales[g][part]));
      if (RF_HAS_MINIMUMS)
        sum = rf_add_minimums(sum, rf_load(scales[g][RF_PARTS + part]),
                              rf_part_sum(group, RF_PARTS, part));
    }
  }
  return sum;
}

#if RF_FORMAT_GROUPS == 1
// The same with four blocks that follow each other.
RF_INLINE rf_f32x16 RF_NAME(RF_FORMAT, s8, dot_16_fours)(rf_f32x16 sum, rf_panel_rows rows,
                                                         size_t first, size_t byte,
                                                         const char *ahead, rf_dot_input input) {
  rf_s32x16 lanes[2];
  rf_arrange_lanes(input.quants, lanes);
  rf_u32x16 products[4], scales[4], minimums[4];
  uint8_t bias = 0;
  // Lane b, word j of vector i is of row 4 i + j and block b.
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++) {
    ahead = rf_prefetch_ahead(ahead, 16 * RF_FORMAT_BYTES);
    rf_s32x16 sums[4];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++) {
      const rf_quants q =
          RF_QUANTS(RF_FORMAT)(rf_blocks_at(rows, first + 4 * i + j, byte, RF_FORMAT_BYTES), 0);
      sums[j] = RF_DOT(RF_DOT((rf_s32x16){0}, q.low, lanes[0]), q.high, lanes[1]);
      bias = q.bias;
    }
    products[i] = (rf_u32x16)rf_lane_totals(sums);
    float numbers[2][16];
    const rf_scale_slots slots = {numbers[0], 0, 16};
    RF_SCALES(RF_FORMAT)
    ((rf_sixteen_rows){rows, first + 4 * i, byte, RF_FORMAT_BYTES}, slots);
    scales[i] = (rf_u32x16)rf_load(numbers[0]);
    if (RF_HAS_MINIMUMS)
      minimums[i] = (rf_u32x16)rf_load(numbers[1]);
  }
  rf_transpose_lanes(products);
  rf_transpose_lanes(scales);
  if (RF_HAS_MINIMUMS)
    rf_transpose_lanes(minimums);
#pragma clang loop unroll(full)
  for (size_t b = 0; b < 4; b++) {
    const rf_int8_group *group = input.groups + b;
    sum = rf_add_products(sum, (rf_s32x16)products[b] + rf_dot_start(group, 1, 0, bias),
                          group->scale, (rf_f32x16)scales[b]);
    if (RF_HAS_MINIMUMS)
      sum = rf_add_minimums(sum, (rf_f32x16)minimums[b], group->sum);
  }
  return sum;
}
#endif

RF_INLINE rf_f32x16 RF_NAME(RF_FORMAT, s8, dot_16)(rf_panel_rows rows, size_t first, size_t blocks,
                                                   const char *ahead, rf_dot_input input) {
  rf_f32x16 sum = {0};
  size_t block = 0;
#if RF_FORMAT_GROUPS == 1
  for (; block + 4 <= blocks; block += 4)
    sum = RF_NAME(RF_FORMAT, s8, dot_16_fours)(sum, rows, first, block * RF_FORMAT_BYTES,
                                               ahead + 16 * block * RF_FORMAT_BYTES,
                                               rf_dot_input_from(input, block));
#endif
  for (; block < blocks; block++)
    sum = RF_NAME(RF_FORMAT, s8, dot_16_block)(sum, rows, first, block * RF_FORMAT_BYTES,
                                               ahead + 16 * block * RF_FORMAT_BYTES,
                                               rf_dot_input_from(input, block * RF_FORMAT_GROUPS));
  return sum;
}

void RF_NAME(RF_FORMAT, s8, dot_32x1)(const void *weights, size_t row_bytes, size_t blocks,
                                      const void *ahead, const void *input, float *outputs) {
  const rf_panel_rows rows = {weights, row_bytes, NULL};
  const int8_t *quants = input;
  const rf_dot_input x = {quants, (const rf_int8_group *)(quants + 32 * RF_FORMAT_GROUPS * blocks)};
  const char *second = (const char *)weights + 16 * row_bytes;
  rf_store(outputs, RF_NAME(RF_FORMAT, s8, dot_16)(rows, 0, blocks, second, x));
  rf_store(outputs + 16, RF_NAME(RF_FORMAT, s8, dot_16)(rows, 16, blocks, ahead, x));
}
