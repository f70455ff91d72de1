#include "../kernel_list.h"

#if defined(__x86_64__)
#include <assert.h>
#include <immintrin.h>

#define RF_TARGET __attribute__((target("avx512f,fma")))

// Up to 6 x 4 accumulators of 16 columns, 4 registers of keys, one of a query. `rows` is a constant
// where inlined.
static inline __attribute__((always_inline)) RF_TARGET void
score_rows(size_t rows, size_t dimension, const float *queries, size_t query_stride,
           const float *keys, float *scores, size_t score_stride) {
  __m512 sum[RF_MICROTILE_ROWS][4];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++)
      sum[r][j] = _mm512_setzero_ps();

  for (size_t k = 0; k < dimension; k++, keys += RF_PANEL_COLUMNS) {
    __m512 panel[4];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++)
      panel[j] = _mm512_loadu_ps(keys + 16 * j);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      const __m512 factor = _mm512_set1_ps(queries[r * query_stride + k]);
#pragma clang loop unroll(full)
      for (size_t j = 0; j < 4; j++)
        sum[r][j] = _mm512_fmadd_ps(factor, panel[j], sum[r][j]);
    }
  }

#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++)
      _mm512_storeu_ps(scores + r * score_stride + 16 * j, sum[r][j]);
}

RF_TARGET void rf_f32_f32_scores_6x64__avx512(size_t rows, size_t dimension, const void *queries,
                                              size_t query_stride, const void *keys, float *scores,
                                              size_t score_stride) {
  assert(rows <= RF_MICROTILE_ROWS);
#define RF_ROWS(n)                                                                                 \
  case n:                                                                                          \
    score_rows(n, dimension, queries, query_stride, keys, scores, score_stride);                   \
    break;
  switch (rows) {
    RF_ROWS(1)
    RF_ROWS(2)
    RF_ROWS(3)
    RF_ROWS(4)
    RF_ROWS(5)
    RF_ROWS(6)
  }
#undef RF_ROWS
}
#endif
