#include "../kernel_list.h"

#if defined(__x86_64__)
#include <assert.h>
#include <immintrin.h>

#define RF_TARGET __attribute__((target("avx512f,avx512dq,fma")))
#define RF_INLINE static inline __attribute__((always_inline)) RF_TARGET

// o * alpha + block * beta, and what the rounding lost to rest * alpha: Knuth's two-sum, whose
// operands are exact because alpha and beta are powers of two.
RF_INLINE void merge(__m512d block, double *o, double *rest, __m512d alpha, __m512d beta) {
  const __m512d a = _mm512_mul_pd(_mm512_loadu_pd(o), alpha), b = _mm512_mul_pd(block, beta);
  const __m512d sum = _mm512_add_pd(a, b), seen = _mm512_sub_pd(sum, a);
  const __m512d lost =
      _mm512_add_pd(_mm512_sub_pd(a, _mm512_sub_pd(sum, seen)), _mm512_sub_pd(b, seen));
  _mm512_storeu_pd(o, sum);
  _mm512_storeu_pd(rest, _mm512_fmadd_pd(_mm512_loadu_pd(rest), alpha, lost));
}

// The block's sum stays in registers, then is added to the Float64 state. `rows` and `vectors` are
// constants where inlined.
RF_INLINE void accumulate_rows(size_t rows, size_t vectors, size_t keys, const float *p,
                               size_t p_stride, const float *v, size_t v_stride, double *o,
                               size_t o_stride, size_t rest, const double *alpha,
                               const double *beta) {
  __m512 sum[RF_MICROTILE_ROWS][4];
#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++)
      sum[r][j] = _mm512_setzero_ps();

  for (size_t k = 0; k < keys; k++, v += v_stride) {
    __m512 values[4];
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++)
      values[j] = _mm512_loadu_ps(v + 16 * j);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
      const __m512 factor = _mm512_set1_ps(p[r * p_stride + k]);
#pragma clang loop unroll(full)
      for (size_t j = 0; j < vectors; j++)
        sum[r][j] = _mm512_fmadd_ps(factor, values[j], sum[r][j]);
    }
  }

#pragma clang loop unroll(full)
  for (size_t r = 0; r < rows; r++) {
    const __m512d old_factor = _mm512_set1_pd(alpha[r]), new_factor = _mm512_set1_pd(beta[r]);
#pragma clang loop unroll(full)
    for (size_t j = 0; j < vectors; j++) {
      double *out = o + r * o_stride + 16 * j;
      merge(_mm512_cvtps_pd(_mm512_castps512_ps256(sum[r][j])), out, out + rest, old_factor,
            new_factor);
      merge(_mm512_cvtps_pd(_mm512_extractf32x8_ps(sum[r][j], 1)), out + 8, out + rest + 8,
            old_factor, new_factor);
    }
  }
}

RF_INLINE void accumulate_vectors(size_t rows, size_t vectors, size_t keys, const float *p,
                                  size_t p_stride, const float *v, size_t v_stride, double *o,
                                  size_t o_stride, size_t rest, const double *alpha,
                                  const double *beta) {
#define RF_ROWS(n)                                                                                 \
  case n:                                                                                          \
    accumulate_rows(n, vectors, keys, p, p_stride, v, v_stride, o, o_stride, rest, alpha, beta);   \
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

RF_TARGET void rf_f32_f64_accumulate_values_6x64__avx512(size_t rows, size_t keys, const void *p,
                                                         size_t p_stride, const void *v,
                                                         size_t value_stride, size_t columns,
                                                         double *o, size_t o_stride, size_t rest,
                                                         const double *alpha, const double *beta) {
  assert(rows <= RF_MICROTILE_ROWS && columns % 16 == 0 && columns <= RF_PANEL_COLUMNS);
#define RF_VECTORS(n)                                                                              \
  case n:                                                                                          \
    accumulate_vectors(rows, n, keys, p, p_stride, v, value_stride, o, o_stride, rest, alpha,      \
                       beta);                                                                      \
    break;
  switch (columns / 16) {
    RF_VECTORS(1)
    RF_VECTORS(2)
    RF_VECTORS(3)
    RF_VECTORS(4)
  }
#undef RF_VECTORS
}
#endif
