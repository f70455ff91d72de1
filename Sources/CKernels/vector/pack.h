// Packs up to 32 rows of one format into a panel for rf_int8_matrix_function: see format_kernel.h.

// One block of 16 rows, from the row `first` on.
RF_INLINE void RF_NAME(RF_FORMAT, u8, pack_block)(rf_sixteen_rows rows, size_t first,
                                                  const char *ahead, uint8_t *panel) {
  const size_t group_bytes = RF_INT8_GROUP_BYTES(RF_PARTS, RF_HAS_MINIMUMS);
  const rf_scale_slots slots = {(float *)(panel + RF_INT8_QUANT_BYTES) + first,
                                group_bytes / sizeof(float), RF_PANEL_COLUMNS,
                                RF_PARTS * RF_PANEL_COLUMNS};
  RF_SCALES(RF_FORMAT)(rows, slots);
  for (size_t g = 0; g < RF_FORMAT_GROUPS; g++) {
    ahead = rf_prefetch_ahead(ahead, 16 * RF_FORMAT_BYTES / RF_FORMAT_GROUPS);
    rf_u32x16 low[4], high[4];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++) {
      // Rows 4 L + j are lane L of the vectors j.
      const rf_quants q = RF_QUANTS(RF_FORMAT)(rf_every_fourth(rows, j), g);
      low[j] = (rf_u32x16)(q.low + q.bias);
      high[j] = (rf_u32x16)(q.high + q.bias);
    }
    uint8_t *to = panel + g * group_bytes + 4 * first;
    rf_transpose_in_lanes(low);
    rf_transpose_in_lanes(high);
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++) {
      memcpy(to + 4 * RF_PANEL_COLUMNS * j, &low[j], sizeof low[j]);
      memcpy(to + 4 * RF_PANEL_COLUMNS * (4 + j), &high[j], sizeof high[j]);
    }
  }
}

void RF_NAME(RF_FORMAT, u8, pack_32xn)(const void *weights, size_t row_bytes, size_t rows,
                                       size_t blocks, const void *ahead, void *packed) {
  assert(rows > 0 && rows <= RF_PANEL_COLUMNS);
  const size_t block_bytes = RF_FORMAT_GROUPS * RF_INT8_GROUP_BYTES(RF_PARTS, RF_HAS_MINIMUMS);
  uint8_t *panel = packed;
  const char *next = ahead;
  if (rows == RF_PANEL_COLUMNS) {
    for (size_t b = 0; b < blocks; b++, panel += block_bytes)
#pragma clang loop unroll(full)
      for (size_t half = 0; half < 2; half++, next += 16 * RF_FORMAT_BYTES) {
        const uint8_t *first = (const uint8_t *)weights + 16 * half * row_bytes;
        RF_NAME(RF_FORMAT, u8, pack_block)
        (rf_rows_from(first + b * RF_FORMAT_BYTES, row_bytes), 16 * half, next, panel);
      }
    return;
  }
  // The last row stands in the place of missing ones, which nobody reads.
  const uint8_t *table[RF_PANEL_COLUMNS];
  for (size_t r = 0; r < RF_PANEL_COLUMNS; r++)
    table[r] = (const uint8_t *)weights + (r < rows ? r : rows - 1) * row_bytes;
  for (size_t b = 0; b < blocks; b++, panel += block_bytes)
    for (size_t first = 0; first < rows; first += 16)
      RF_NAME(RF_FORMAT, u8, pack_block)
  (rf_rows_of_table(table + first, b * RF_FORMAT_BYTES), first, next, panel);
}
