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

// Up to RF_PACK_RUN blocks of all rows. `run` is a constant where inlined, but at a row's end.
RF_INLINE void RF_NAME(RF_FORMAT, u8, pack_run)(const uint8_t *const *row, size_t rows, size_t run,
                                                uint8_t *group) {
  const size_t group_bytes = RF_INT8_GROUP_BYTES(RF_PARTS, RF_MINIMUMS);
#if defined(RF_FORMAT_D)
  // Scales are collected before they are converted, so that no load waits for many small stores.
  uint16_t halves[RF_PACK_RUN][1 + RF_MINIMUMS][RF_PANEL_COLUMNS];
  for (size_t r = 0; r < RF_PANEL_COLUMNS; r++)
#pragma clang loop unroll(full)
    for (size_t b = 0; b < run; b++) {
      const uint8_t *block = row[r] + b * RF_FORMAT_BYTES;
      memcpy(&halves[b][0][r], block + RF_FORMAT_D, sizeof(uint16_t));
#if RF_MINIMUMS
      memcpy(&halves[b][1][r], block + RF_FORMAT_M, sizeof(uint16_t));
#endif
    }
#else
  for (size_t r = 0; r < rows; r++)
    for (size_t b = 0; b < run; b++)
      RF_SCALES(RF_FORMAT)
  (row[r] + b * RF_FORMAT_BYTES,
   (rf_scale_slots){(float *)(group + b * RF_FORMAT_GROUPS * group_bytes + RF_INT8_QUANT_BYTES) + r,
                    group_bytes / sizeof(float), RF_PARTS * RF_PANEL_COLUMNS});
#endif
  for (size_t b = 0; b < run; b++) {
    for (size_t half = 0; half < 2 && 16 * half < rows; half++) {
      // Rows 4 L + j of the half are lane L of the vectors j.
      const uint8_t *lanes[4][4];
#pragma clang loop unroll(full)
      for (size_t j = 0; j < 4; j++)
#pragma clang loop unroll(full)
        for (size_t lane = 0; lane < 4; lane++)
          lanes[j][lane] = row[16 * half + 4 * lane + j] + b * RF_FORMAT_BYTES;
      for (size_t g = 0; g < RF_FORMAT_GROUPS; g++) {
        rf_u32x16 low[4], high[4];
#pragma clang loop unroll(full)
        for (size_t j = 0; j < 4; j++) {
          const rf_quants q = RF_QUANTS(RF_FORMAT)(lanes[j], g);
          low[j] = (rf_u32x16)q.low;
          high[j] = (rf_u32x16)q.high;
        }
        uint8_t *to = group + g * group_bytes + 64 * half;
        rf_store_columns(low, to);
        rf_store_columns(high, to + 4 * 4 * RF_PANEL_COLUMNS);
      }
    }
#if defined(RF_FORMAT_D)
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
                                       size_t blocks, void *packed) {
  assert(rows > 0 && rows <= RF_PANEL_COLUMNS);
  const uint8_t *row[RF_PANEL_COLUMNS];
  for (size_t r = 0; r < RF_PANEL_COLUMNS; r++)
    row[r] = (const uint8_t *)weights + (r < rows ? r : rows - 1) * row_bytes;
  uint8_t *group = packed;
  for (; blocks >= RF_PACK_RUN; blocks -= RF_PACK_RUN) {
    RF_NAME(RF_FORMAT, u8, pack_run)(row, rows, RF_PACK_RUN, group);
    group += RF_PACK_RUN * RF_FORMAT_GROUPS * RF_INT8_GROUP_BYTES(RF_PARTS, RF_MINIMUMS);
    for (size_t r = 0; r < RF_PANEL_COLUMNS; r++)
      row[r] += RF_PACK_RUN * RF_FORMAT_BYTES;
  }
  if (blocks > 0)
    RF_NAME(RF_FORMAT, u8, pack_run)(row, rows, blocks, group);
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
