// Products of one row of int8 with 32 rows of one format, as these lie in memory: see
// format_kernel.h. The bits are those of packing and rf_int8_matrix, as the sums of a group are
// exact in any order and the chain is the same (see int8.h).
//
// A vector of weights is four lanes of 16: of four groups of one row, which few loads have. These
// are of one block, or of four that follow each other where a block is one group. Its products with
// the inputs are four sums a lane, and rf_lane_totals gives those of 16 lanes. 16 rows go side by
// side, so that all that comes after is computed for 16 outputs at once.

// Adds the products of a part of a group to the chain.
RF_INLINE rf_f32x16 RF_NAME(RF_FORMAT, s8, chain)(rf_f32x16 sum, rf_s32x16 products,
                                                  const rf_int8_group *group, size_t part,
                                                  uint8_t bias, rf_f32x16 scales,
                                                  rf_f32x16 minimums) {
  sum = rf_add_products(sum, products + rf_dot_start(group, RF_PARTS, part, bias), group->scale,
                        scales);
  return RF_HAS_MINIMUMS ? rf_add_minimums(sum, minimums, rf_part_sum(group, RF_PARTS, part)) : sum;
}

#if RF_FORMAT_GROUPS == 1
// Adds the products of 16 rows with four of their blocks.
RF_INLINE rf_f32x16 RF_NAME(RF_FORMAT, s8, dot_16_fours)(rf_f32x16 sum, rf_sixteen_rows rows,
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
          RF_QUANTS(RF_FORMAT)(rf_four_parts(rf_row(rows, 4 * i + j), RF_FORMAT_BYTES), 0);
      sums[j] = RF_DOT(RF_DOT((rf_s32x16){0}, q.low, lanes[0]), q.high, lanes[1]);
      bias = q.bias;
    }
    products[i] = (rf_u32x16)rf_lane_totals(sums);
    float numbers[2][16];
    const rf_scale_slots slots = {numbers[0], 0, 0, 16};
    RF_SCALES(RF_FORMAT)
    (rf_blocks_as_rows(rows, 4 * i, RF_FORMAT_BYTES), slots);
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
    const rf_f32x16 m = RF_HAS_MINIMUMS ? (rf_f32x16)minimums[b] : (rf_f32x16){0};
    sum = RF_NAME(RF_FORMAT, s8, chain)(sum, (rf_s32x16)products[b], input.groups + b, 0, bias,
                                        (rf_f32x16)scales[b], m);
  }
  return sum;
}

// The same with one block, for those that are left. Lanes are four rows.
RF_INLINE rf_f32x16 RF_NAME(RF_FORMAT, s8, dot_16_block)(rf_f32x16 sum, rf_sixteen_rows rows,
                                                         const char *ahead, rf_dot_input input) {
  rf_prefetch_ahead(ahead, 16 * RF_FORMAT_BYTES);
  const rf_s32x16 low = rf_all_lanes(input.quants), high = rf_all_lanes(input.quants + 16);
  rf_s32x16 sums[4];
  uint8_t bias = 0;
#pragma clang loop unroll(full)
  for (size_t j = 0; j < 4; j++) {
    // Rows 4 L + j are lane L of the vectors j.
    const rf_quants q = RF_QUANTS(RF_FORMAT)(rf_every_fourth(rows, j), 0);
    sums[j] = RF_DOT(RF_DOT((rf_s32x16){0}, q.low, low), q.high, high);
    bias = q.bias;
  }
  float numbers[2][16] = {0};
  RF_SCALES(RF_FORMAT)(rows, (rf_scale_slots){numbers[0], 0, 0, 16});
  return RF_NAME(RF_FORMAT, s8, chain)(sum, rf_lane_totals(sums), input.groups, 0, bias,
                                       rf_load(numbers[0]), rf_load(numbers[1]));
}
#else
// Adds the products of 16 rows with one of their blocks, whose groups are two sets of four.
RF_INLINE rf_f32x16 RF_NAME(RF_FORMAT, s8, dot_16_block)(rf_f32x16 sum, rf_sixteen_rows rows,
                                                         const char *ahead, rf_dot_input input) {
  float numbers[RF_FORMAT_GROUPS][2][RF_PARTS][16];
  RF_SCALES(RF_FORMAT)
  (rows, (rf_scale_slots){numbers[0][0][0], 2 * RF_PARTS * 16, 16, RF_PARTS * 16});
  rf_s32x16 low[2], high[2]; // lanes of the inputs of a set
#pragma clang loop unroll(full)
  for (size_t set = 0; set < 2; set++) {
    rf_rows groups = {0};
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 4; i++)
      groups.block[i] = (const uint8_t *)input.quants + 32 * RF_FORMAT_GROUP_OF(set, i);
    low[set] = (rf_s32x16)rf_load_lanes(groups, 0);
    high[set] = (rf_s32x16)rf_load_lanes(groups, 16);
  }
  // Lane L, word j of vector i is of row 4 i + j and group L of the set.
  rf_u32x16 products[2][RF_PARTS][4];
  rf_quants q[2];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++) {
    ahead = rf_prefetch_ahead(ahead, 4 * RF_FORMAT_BYTES);
    rf_s32x16 sums[2][RF_PARTS][4];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++)
#pragma clang loop unroll(full)
      for (size_t set = 0; set < 2; set++) {
        q[set] = RF_FOURS(RF_FORMAT)(rf_row(rows, 4 * i + j), set);
        const rf_s32x16 none = {0}, first = RF_DOT(none, q[set].low, low[set]);
        sums[set][0][j] = first;
        sums[set][RF_PARTS - 1][j] = RF_DOT(RF_PARTS == 1 ? first : none, q[set].high, high[set]);
      }
#pragma clang loop unroll(full)
    for (size_t set = 0; set < 2; set++)
#pragma clang loop unroll(full)
      for (size_t part = 0; part < RF_PARTS; part++) {
        products[set][part][i] = (rf_u32x16)rf_lane_totals(sums[set][part]);
        // Else the compiler begins with all rows at once, and has no registers for them.
        __asm__ volatile("" : "+v"(products[set][part][i]) : : "memory");
      }
  }
  rf_s32x16 by_group[RF_FORMAT_GROUPS][RF_PARTS];
#pragma clang loop unroll(full)
  for (size_t set = 0; set < 2; set++)
#pragma clang loop unroll(full)
    for (size_t part = 0; part < RF_PARTS; part++) {
      rf_transpose_lanes(products[set][part]);
#pragma clang loop unroll(full)
      for (size_t i = 0; i < 4; i++)
        by_group[RF_FORMAT_GROUP_OF(set, i)][part] =
            (rf_s32x16)products[set][part][i] >> q[set].shift;
    }
#pragma clang loop unroll(full)
  for (size_t g = 0; g < RF_FORMAT_GROUPS; g++)
#pragma clang loop unroll(full)
    for (size_t part = 0; part < RF_PARTS; part++) {
      const rf_f32x16 m = RF_HAS_MINIMUMS ? rf_load(numbers[g][1][part]) : (rf_f32x16){0};
      sum = RF_NAME(RF_FORMAT, s8, chain)(sum, by_group[g][part], input.groups + g, part, q[0].bias,
                                          rf_load(numbers[g][0][part]), m);
    }
  return sum;
}
#endif

// outputs[chunks][32], of which 16 are written.
RF_INLINE void RF_NAME(RF_FORMAT, s8, dot_16)(const uint8_t *weights, size_t row_bytes,
                                              size_t blocks, size_t chunks, const char *ahead,
                                              rf_dot_input input, float *outputs) {
  // Of rows that are read in part, what follows them is not read next: then what is at hand is
  // asked for instead.
  const size_t step = row_bytes == blocks * RF_FORMAT_BYTES ? 16 * RF_FORMAT_BYTES : 0;
  if (step == 0)
    ahead = (const char *)input.quants;
  rf_sixteen_rows rows = rf_rows_from(weights, row_bytes);
  size_t block = 0;
  for (size_t chunk = 1; chunk <= chunks; chunk++, outputs += RF_PANEL_COLUMNS) {
    const size_t end = chunk < chunks ? chunk * (RF_CHUNK_INPUTS / 32 / RF_FORMAT_GROUPS) : blocks;
    rf_f32x16 sum = {0};
#if RF_FORMAT_GROUPS == 1
    for (; block + 4 <= end; block += 4) {
      sum = RF_NAME(RF_FORMAT, s8, dot_16_fours)(sum, rows, ahead, rf_dot_input_from(input, block));
      rows = rf_rows_behind(rows, 4 * RF_FORMAT_BYTES);
      ahead += 4 * step;
    }
#endif
    for (; block < end; block++) {
      sum = RF_NAME(RF_FORMAT, s8, dot_16_block)(
          sum, rows, ahead, rf_dot_input_from(input, block * RF_FORMAT_GROUPS));
      rows = rf_rows_behind(rows, RF_FORMAT_BYTES);
      ahead += step;
    }
    rf_store(outputs, sum);
  }
}

void RF_NAME(RF_FORMAT, s8, dot_32x1)(const void *weights, size_t row_bytes, size_t blocks,
                                      size_t chunks, const void *ahead, const void *input,
                                      float *outputs) {
  const uint8_t *first = weights, *second = first + 16 * row_bytes;
  const int8_t *quants = input;
  const rf_dot_input x = {quants, (const rf_int8_group *)(quants + 32 * RF_FORMAT_GROUPS * blocks)};
  RF_NAME(RF_FORMAT, s8, dot_16)
  (first, row_bytes, blocks, chunks, (const char *)second, x, outputs);
  RF_NAME(RF_FORMAT, s8, dot_16)(second, row_bytes, blocks, chunks, ahead, x, outputs + 16);
}
