#include "common.h"

#if defined(__x86_64__)
// A panel of keys is packed as a panel of weights is.
RF_TARGET void rf_bf16_f32_scores_6x64__avx512bf16(size_t rows, size_t dimension,
                                                   const void *queries, size_t query_stride,
                                                   const void *keys, float *scores,
                                                   size_t score_stride) {
  rf_bf16_f32_matrix_6x64__avx512bf16(rows, dimension / 2, queries, query_stride, keys, scores,
                                      score_stride, RF_PANEL_COLUMNS, NULL, false);
}
#endif
