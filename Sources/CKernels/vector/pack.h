// Packs up to 32 rows of one format into a panel for rf_int8_matrix_function. A format's file
// includes this, after it has defined
//
//   RF_FORMAT          its name
//   RF_FORMAT_BYTES    of a block
//   RF_FORMAT_GROUPS   of 32 weights in a block
//   RF_FORMAT_HALVES   if each 16 weights have a scale, not each 32
//   RF_FORMAT_M        if there are minimums: where they, or what they have in common, stand
//   RF_FORMAT_D        where the scale of a block stands, if that, and the minimum, is a float16
//
// and the functions rf_NAME_quants and, without RF_FORMAT_D, rf_NAME_scales.
#define RF_QUANTS_(format) rf_##format##_quants
#define RF_QUANTS(format) RF_QUANTS_(format)
#define RF_SCALES_(format) rf_##format##_scales
#define RF_SCALES(format) RF_SCALES_(format)

#if defined(RF_FORMAT_HALVES)
#define RF_PARTS 2
#else
#define RF_PARTS 1
#endif
#if defined(RF_FORMAT_M)
#define RF_MINIMUMS 1
#else
#define RF_MINIMUMS 0
#endif

// Up to RF_PACK_RUN blocks of up to 32 rows, from a byte of each row on. `count` and `run` are
// constants where inlined, but at the end of a matrix or a row.
RF_INLINE void RF_NAME(RF_FORMAT, u8, pack_run)(rf_panel_rows rows, size_t count, size_t byte,
                                                size_t run, const char *ahead, uint8_t *group) {
  const size_t group_bytes = RF_INT8_GROUP_BYTES(RF_PARTS, RF_MINIMUMS);
#if defined(RF_FORMAT_D)
  // Scales are collected before they are converted, so that no load waits for many small stores.
  uint16_t halves[RF_PACK_RUN][1 + RF_MINIMUMS][RF_PANEL_COLUMNS];
  for (size_t r = 0; r < RF_PANEL_COLUMNS; r += 4)
    for (size_t b = 0; b < run; b++) {
      const rf_rows at = rf_rows_at(rows, r, 1, byte + b * RF_FORMAT_BYTES);
      rf_collect_halves(at, RF_FORMAT_D, &halves[b][0][r]);
#if RF_MINIMUMS
      rf_collect_halves(at, RF_FORMAT_M, &halves[b][1][r]);
#endif
    }
#else
  for (size_t r = 0; r < count; r++)
    for (size_t b = 0; b < run; b++) {
      const uint8_t *row = rows.table ? rows.table[r] : rows.first + r * rows.step;
      const rf_scale_slots slots = {
          (float *)(group + b * RF_FORMAT_GROUPS * group_bytes + RF_INT8_QUANT_BYTES) + r,
          group_bytes / sizeof(float), RF_PARTS * RF_PANEL_COLUMNS};
      RF_SCALES(RF_FORMAT)(row + byte + b * RF_FORMAT_BYTES, slots);
    }
#endif
  for (size_t b = 0; b < run; b++, byte += RF_FORMAT_BYTES) {
#pragma clang loop unroll(full)
    for (size_t half = 0; half < 2; half++) {
      if (16 * half >= count)
        break;
      for (size_t g = 0; g < RF_FORMAT_GROUPS; g++) {
        // A group's part of 16 rows.
        for (size_t line = 0; line < 16 * RF_FORMAT_BYTES / RF_FORMAT_GROUPS; line += 64)
          __builtin_prefetch(ahead + line, 0, 2);
        ahead += 16 * RF_FORMAT_BYTES / RF_FORMAT_GROUPS;
        rf_u32x16 low[4], high[4];
#pragma clang loop unroll(full)
        for (size_t j = 0; j < 4; j++) {
          // Rows 4 L + j of the half are lane L of the vectors j.
          const rf_quants q = RF_QUANTS(RF_FORMAT)(rf_rows_at(rows, 16 * half + j, 4, byte), g);
          low[j] = (rf_u32x16)q.low;
          high[j] = (rf_u32x16)q.high;
        }
        uint8_t *to = group + g * group_bytes + 64 * half;
        rf_store_columns(low, to);
        rf_store_columns(high, to + 4 * 4 * RF_PANEL_COLUMNS);
      }
    }
#if defined(RF_FORMAT_D)
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 1 + RF_MINIMUMS; i++)
#pragma clang loop unroll(full)
      for (size_t half = 0; half < 2; half++)
        rf_store((float *)(group + RF_INT8_QUANT_BYTES) + RF_PANEL_COLUMNS * i + 16 * half,
                 RF_HALVES(halves[b][i] + 16 * half));
#endif
    group += RF_FORMAT_GROUPS * group_bytes;
  }
}

void RF_NAME(RF_FORMAT, u8, pack_32xn)(const void *weights, size_t row_bytes, size_t rows,
                                       size_t blocks, const void *ahead, void *packed) {
  assert(rows > 0 && rows <= RF_PANEL_COLUMNS);
  const size_t run_bytes =
      RF_PACK_RUN * RF_FORMAT_GROUPS * RF_INT8_GROUP_BYTES(RF_PARTS, RF_MINIMUMS);
  const rf_panel_rows all = {weights, row_bytes, NULL};
  const uint8_t *table[RF_PANEL_COLUMNS];
  for (size_t r = 0; r < RF_PANEL_COLUMNS && rows < RF_PANEL_COLUMNS; r++)
    table[r] = all.first + (r < rows ? r : rows - 1) * row_bytes;
  const rf_panel_rows some = {weights, row_bytes, table};
  uint8_t *group = packed;
  const char *next = ahead;
  for (size_t byte = 0; blocks > 0; byte += RF_PACK_RUN * RF_FORMAT_BYTES, group += run_bytes) {
    const size_t run = blocks < RF_PACK_RUN ? blocks : RF_PACK_RUN;
    if (rows < RF_PANEL_COLUMNS)
      RF_NAME(RF_FORMAT, u8, pack_run)(some, rows, byte, run, next, group);
    else if (run == RF_PACK_RUN)
      RF_NAME(RF_FORMAT, u8, pack_run)(all, RF_PANEL_COLUMNS, byte, RF_PACK_RUN, next, group);
    else
      RF_NAME(RF_FORMAT, u8, pack_run)(all, RF_PANEL_COLUMNS, byte, run, next, group);
    blocks -= run;
    next += run * RF_PANEL_COLUMNS * RF_FORMAT_BYTES;
  }
}

#undef RF_FORMAT
#undef RF_FORMAT_BYTES
#undef RF_FORMAT_GROUPS
#undef RF_FORMAT_D
#undef RF_FORMAT_M
#undef RF_FORMAT_HALVES
#undef RF_PARTS
#undef RF_MINIMUMS
#undef RF_QUANTS_
#undef RF_QUANTS
#undef RF_SCALES_
#undef RF_SCALES
