// The matrix microkernels on float32, for instruction sets with fused multiply-add. The including
// file defines the size of a tile, RF_TILE_ROWS x RF_TILE_VECTORS vectors of sums: as many as leave
// registers for one row of b and one factor of a. RF_TILE_FOR_ROWS is the macro of rows.h for
// RF_TILE_ROWS.
//
// A call computes up to RF_MICROTILE_ROWS rows and one panel of 32 columns, tile by tile. Every
// output is one chain of fused multiply-adds in ascending order, so its bits do not depend on the
// tiles.

#if !defined(RF_TILE_ROWS) || !defined(RF_TILE_VECTORS) || !defined(RF_TILE_FOR_ROWS)
#error "Define RF_TILE_ROWS, RF_TILE_VECTORS and RF_TILE_FOR_ROWS before this header."
#endif
_Static_assert(RF_MICROTILE_ROWS % RF_TILE_ROWS == 0, "a microtile is whole tiles");
_Static_assert(RF_PANEL_COLUMNS % (16 * RF_TILE_VECTORS) == 0, "a panel is whole tiles");

typedef struct rf_tile {
  rf_f32x16 sum[RF_TILE_ROWS][RF_TILE_VECTORS];
} rf_tile;

// One step of all chains: sum[rows][vectors] += a[rows] * column[vectors].
RF_INLINE void rf_multiply_step(size_t rows, size_t vectors, const float *a, size_t a_stride,
                                const rf_f32x16 *column,
                                rf_f32x16 sum[RF_TILE_ROWS][RF_TILE_VECTORS]) {
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++) {
    const rf_f32x16 factor = rf_splat(a[r * a_stride]);
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++)
      sum[r][j] = factor * column[j] + sum[r][j];
  }
}

// tile[rows][16 * vectors] = a[rows][count] . b. b is [count][b_stride] float32 or, if `is_pairs`
// is set, [count / 2][b_stride][2] bf16, which are prefetched, and widened as they are read.
// `rows`, `vectors` and `is_pairs` are constants where inlined.
RF_INLINE void rf_multiply_tile(size_t rows, size_t vectors, size_t count, const float *a,
                                size_t a_stride, const void *b, size_t b_stride, bool is_pairs,
                                rf_tile *tile) {
  rf_f32x16 sum[RF_TILE_ROWS][RF_TILE_VECTORS];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++)
      sum[r][j] = (rf_f32x16){0};
  if (is_pairs) {
    const rf_bf16 *pairs = b;
    for (size_t k = 0; k < count; k += 2, pairs += 2 * b_stride) {
      rf_f32x16 first[RF_TILE_VECTORS], second[RF_TILE_VECTORS];
#pragma clang loop unroll(full)
      for (size_t j = 0; j < vectors; j++) {
        rf_u32x16 lanes;
        memcpy(&lanes, pairs + 32 * j, sizeof lanes);
        __builtin_prefetch((const char *)(pairs + 32 * j) + RF_PREFETCH_BYTES, 0, 2);
        first[j] = rf_widen_first(lanes);
        second[j] = rf_widen_second(lanes);
      }
      rf_multiply_step(rows, vectors, a + k, a_stride, first, sum);
      rf_multiply_step(rows, vectors, a + k + 1, a_stride, second, sum);
    }
  } else {
    const float *rows_of_b = b;
    for (size_t k = 0; k < count; k++, rows_of_b += b_stride) {
      rf_f32x16 column[RF_TILE_VECTORS];
#pragma clang loop unroll(full)
      for (size_t j = 0; j < vectors; j++) {
        column[j] = rf_load(rows_of_b + 16 * j);
        __builtin_prefetch((const char *)(rows_of_b + 16 * j) + RF_PANEL_AHEAD, 0, 3);
      }
      rf_multiply_step(rows, vectors, a + k, a_stride, column, sum);
    }
  }
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++)
      tile->sum[r][j] = sum[r][j];
}

RF_INLINE void rf_matrix_tile(size_t rows, size_t vectors, size_t inputs, const float *a,
                              size_t a_stride, const void *b, bool is_pairs, float *c,
                              size_t c_stride, size_t columns, const float *bias, bool accumulate) {
  rf_tile tile;
  rf_multiply_tile(rows, vectors, inputs, a, a_stride, b, RF_PANEL_COLUMNS, is_pairs, &tile);
#pragma clang loop unroll(full)
  for (size_t j = 0; j < vectors; j++) {
    const size_t count = columns > 16 * j ? columns - 16 * j : 0;
    if (count >= 16) {
      const rf_f32x16 addend = bias ? rf_load(bias + 16 * j) : (rf_f32x16){0};
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        float *out = c + r * c_stride + 16 * j;
        rf_f32x16 v = tile.sum[r][j];
        if (bias)
          v += addend;
        if (accumulate)
          v += rf_load(out);
        rf_store(out, v);
      }
    } else if (count > 0) {
      const rf_f32x16 addend = bias ? rf_load_tail(bias + 16 * j, count) : (rf_f32x16){0};
#pragma clang loop unroll(full)
      for (size_t r = 0; r < rows; r++) {
        float *out = c + r * c_stride + 16 * j;
        rf_f32x16 v = tile.sum[r][j];
        if (bias)
          v += addend;
        if (accumulate)
          v += rf_load_tail(out, count);
        memcpy(out, &v, count * sizeof(float));
      }
    }
  }
}

// rf_matrix_function, tile by tile.
RF_INLINE void rf_matrix(size_t rows, size_t inputs, const float *a, size_t a_stride, const void *b,
                         bool is_pairs, float *c, size_t c_stride, size_t columns,
                         const float *bias, bool accumulate) {
  assert(rows > 0 && rows <= RF_MICROTILE_ROWS && columns <= RF_PANEL_COLUMNS);
  for (size_t j = 0; 16 * j < columns; j += RF_TILE_VECTORS) {
    const char *panel = (const char *)b + 16 * j * sizeof(float);
    for (size_t r = 0; r < rows; r += RF_TILE_ROWS) {
      const size_t count = rows - r < RF_TILE_ROWS ? rows - r : RF_TILE_ROWS;
      RF_TILE_FOR_ROWS(count, rf_matrix_tile, RF_TILE_VECTORS, inputs, a + r * a_stride, a_stride,
                       panel, is_pairs, c + r * c_stride + 16 * j, c_stride, columns - 16 * j,
                       bias ? bias + 16 * j : bias, accumulate)
    }
  }
}

void RF_NAME(f32, f32, matrix_12x32)(size_t rows, size_t inputs, const void *a, size_t a_stride,
                                     const void *b, float *c, size_t c_stride, size_t columns,
                                     const float *bias, bool accumulate) {
  rf_matrix(rows, inputs, a, a_stride, b, false, c, c_stride, columns, bias, accumulate);
}

void RF_NAME(f32_pairs, f32, matrix_12x32)(size_t rows, size_t inputs, const void *a,
                                           size_t a_stride, const void *b, float *c,
                                           size_t c_stride, size_t columns, const float *bias,
                                           bool accumulate) {
  rf_matrix(rows, inputs, a, a_stride, b, true, c, c_stride, columns, bias, accumulate);
}

// The block's sum is computed in registers, then added to the Float64 state. The factors are powers
// of two, so both products are exact and only the sum is rounded; Knuth's two-sum gives its
// rounding error, which goes to the rest.
RF_INLINE void rf_accumulate_tile(size_t rows, size_t vectors, size_t keys, const float *p,
                                  size_t p_stride, const void *v, size_t v_stride, bool is_pairs,
                                  double *o, size_t o_stride, size_t rest,
                                  const rf_merge_factors *factors) {
  rf_tile tile;
  rf_multiply_tile(rows, vectors, keys, p, p_stride, v, v_stride, is_pairs, &tile);
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++) {
    const rf_f64x8 old_factor = rf_splat_f64(factors[r].state);
    const rf_f64x8 new_factor = rf_splat_f64(factors[r].block);
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 2 * vectors; j++) {
      rf_f32x8 half;
      memcpy(&half, (const char *)&tile.sum[r][j / 2] + j % 2 * sizeof half, sizeof half);
      const rf_f64x8 block = __builtin_convertvector(half, rf_f64x8);
      double *out = o + r * o_stride + 8 * j;
      const rf_f64x8 a = rf_load_f64(out) * old_factor;
      const rf_f64x8 sum = block * new_factor + a;
      rf_store_f64(out, sum);
      if (rest) {
        const rf_f64x8 seen = sum - a, left = a - (sum - seen);
        const rf_f64x8 lost = (block * new_factor - seen) + left;
        rf_store_f64(out + rest, rf_load_f64(out + rest) * old_factor + lost);
      }
    }
  }
}

// rf_accumulate_values_function, tile by tile.
RF_INLINE void rf_accumulate_values(size_t rows, size_t keys, const float *p, size_t p_stride,
                                    const void *v, bool is_pairs, size_t columns, double *o,
                                    size_t o_stride, size_t rest, const rf_merge_factors *factors) {
  assert(rows > 0 && rows <= RF_MICROTILE_ROWS && keys % 2 == 0);
  assert(columns == 16 || columns == RF_PANEL_COLUMNS);
  const bool is_half = columns < RF_PANEL_COLUMNS;
  for (size_t j = 0; 16 * j < columns; j += RF_TILE_VECTORS) {
    const char *panel = (const char *)v + 16 * j * sizeof(float);
    for (size_t r = 0; r < rows; r += RF_TILE_ROWS) {
      const size_t count = rows - r < RF_TILE_ROWS ? rows - r : RF_TILE_ROWS;
      const float *tile_p = p + r * p_stride;
      double *tile_o = o + r * o_stride + 16 * j;
      if (is_half || RF_TILE_VECTORS == 1) {
        RF_TILE_FOR_ROWS(count, rf_accumulate_tile, 1, keys, tile_p, p_stride, panel, columns,
                         is_pairs, tile_o, o_stride, rest, factors + r)
      } else {
        RF_TILE_FOR_ROWS(count, rf_accumulate_tile, RF_TILE_VECTORS, keys, tile_p, p_stride, panel,
                         RF_PANEL_COLUMNS, is_pairs, tile_o, o_stride, rest, factors + r)
      }
    }
  }
}

void RF_NAME(f32, f64, accumulate_values_12x32)(size_t rows, size_t keys, const void *p,
                                                size_t p_stride, const void *v, size_t columns,
                                                double *o, size_t o_stride, size_t rest,
                                                const rf_merge_factors *factors) {
  rf_accumulate_values(rows, keys, p, p_stride, v, false, columns, o, o_stride, rest, factors);
}

void RF_NAME(f32_pairs, f64,
             accumulate_values_12x32)(size_t rows, size_t keys, const void *p, size_t p_stride,
                                      const void *v, size_t columns, double *o, size_t o_stride,
                                      size_t rest, const rf_merge_factors *factors) {
  rf_accumulate_values(rows, keys, p, p_stride, v, true, columns, o, o_stride, rest, factors);
}

void RF_NAME(bf16, f32, widen_pairs_1xn)(const rf_bf16 *x, size_t pairs, size_t width, float *out) {
  assert(width % 16 == 0);
  for (size_t pair = 0; pair < pairs; pair++, x += 2 * width, out += 2 * width)
    for (size_t i = 0; i < width; i += 16) {
      rf_u32x16 lanes;
      memcpy(&lanes, x + 2 * i, sizeof lanes);
      rf_store(out + i, rf_widen_first(lanes));
      rf_store(out + width + i, rf_widen_second(lanes));
    }
}

#include "transpose.h"
