// Every microkernel: X(field of the table, function). The declarations and the table are made from
// this list.
#pragma once

#include "CKernels.h"

#define RF_VECTOR_KERNELS(X, isa)                                                                  \
  X(float32.softmax, rf_f32_f32_softmax_nx256__##isa)                                              \
  X(float32.group_sums, rf_f32_f32_group_sums_nx256__##isa)                                        \
  X(float32.finish, rf_f64_f32_finish_1xn__##isa)                                                  \
  X(float32.rms_norm, rf_f32_f32_rms_norm_1xn__##isa)                                              \
  X(float32.swiglu, rf_f32_f32_swiglu_1xn__##isa)                                                  \
  X(float32.geglu, rf_f32_f32_geglu_1xn__##isa)                                                    \
  X(float32.round, rf_f32_f32_round_1xn__##isa)                                                    \
  X(f32bf16.softmax, rf_f32_f32bf16_softmax_nx256__##isa)                                          \
  X(f32bf16.group_sums, rf_f32_f32_group_sums_nx256__##isa)                                        \
  X(f32bf16.finish, rf_f64_f32bf16_finish_1xn__##isa)                                              \
  X(f32bf16.rms_norm, rf_f32_f32bf16_rms_norm_1xn__##isa)                                          \
  X(f32bf16.swiglu, rf_f32_f32bf16_swiglu_1xn__##isa)                                              \
  X(f32bf16.geglu, rf_f32_f32bf16_geglu_1xn__##isa)                                                \
  X(f32bf16.round, rf_f32_f32bf16_round_1xn__##isa)                                                \
  X(widen, rf_bf16_f32_widen_1xn__##isa)                                                           \
  X(unpack_e4m3_float32, rf_e4m3_f32_unpack_1xn__##isa)                                            \
  X(unpack_e4m3_bf16, rf_e4m3_bf16_unpack_1xn__##isa)                                              \
  X(soft_cap, rf_f32_f32_soft_cap_1xn__##isa)                                                      \
  X(rotate_halves, rf_f32_f32_rotate_halves_nxn__##isa)                                            \
  X(rotate_pairs, rf_f32_f32_rotate_pairs_nxn__##isa)                                              \
  X(head_norm, rf_f32_f32_head_norm_nxn__##isa)                                                    \
  X(merge, rf_f32_f64_merge_1xn__##isa)                                                            \
  X(dot_4_float32_float32, rf_f32_f32_dot_4x1__##isa)                                              \
  X(dot_4_bf16_float32, rf_bf16_f32_dot_4x1__##isa)                                                \
  X(dots_float32_float32, rf_f32_f32_dot_nxn__##isa)                                               \
  X(dots_bf16_float32, rf_bf16_f32_dot_nxn__##isa)                                                 \
  X(split, rf_f32_f32_split_1xn__##isa)                                                            \
  X(peak_multiply_add, rf_f32_f32_peak__##isa)                                                     \
  X(read, rf_u64_u64_read__##isa)

// float32 and f32bf16 share these: they differ in what comes before and after a product.
#define RF_TILE_KERNELS(X, isa)                                                                    \
  X(float32.matrix, rf_f32_f32_matrix_12x32__##isa)                                                \
  X(float32.accumulate_values, rf_f32_f64_accumulate_values_12x32__##isa)                          \
  X(float32.pack_bf16, rf_bf16_f32_pack_32xn__##isa)                                               \
  X(float32.pack_float32, rf_f32_f32_pack_32xn__##isa)                                             \
  X(f32bf16.matrix, rf_f32_f32_matrix_12x32__##isa)                                                \
  X(f32bf16.accumulate_values, rf_f32_f64_accumulate_values_12x32__##isa)                          \
  X(f32bf16.pack_bf16, rf_bf16_f32_pack_32xn__##isa)                                               \
  X(matrix_pairs, rf_f32_pairs_f32_matrix_12x32__##isa)                                            \
  X(accumulate_values_pairs, rf_f32_pairs_f64_accumulate_values_12x32__##isa)                      \
  X(widen_pairs, rf_bf16_f32_widen_pairs_1xn__##isa)

// Every format that is multiplied as int8: LINE(X, name, isa).
#define RF_FOR_FORMATS(LINE, X, isa)                                                               \
  LINE(X, q8_0, isa)                                                                               \
  LINE(X, q4_0, isa)                                                                               \
  LINE(X, q4_1, isa)                                                                               \
  LINE(X, q5_0, isa)                                                                               \
  LINE(X, q5_1, isa)                                                                               \
  LINE(X, q2_k, isa)                                                                               \
  LINE(X, q3_k, isa)                                                                               \
  LINE(X, q4_k, isa)                                                                               \
  LINE(X, q5_k, isa)                                                                               \
  LINE(X, q6_k, isa)                                                                               \
  LINE(X, iq4_nl, isa)                                                                             \
  LINE(X, iq4_xs, isa)                                                                             \
  LINE(X, mxfp4, isa)
#define RF_PACK_LINE(X, name, isa) X(formats.name.pack, rf_##name##_u8_pack_32xn__##isa)
#define RF_DOT_LINE(X, name, isa) X(formats.name.dot, rf_##name##_s8_dot_32x1__##isa)

// Rows and panels of int8.
#define RF_FORMAT_KERNELS(X, isa)                                                                  \
  RF_FOR_FORMATS(RF_PACK_LINE, X, isa)                                                             \
  X(quantize, rf_f32_s8_quantize_1xn__##isa)                                                       \
  X(float32.unpack, rf_u8_f32_unpack_32xn__##isa)                                                  \
  X(f32bf16.unpack, rf_u8_f32bf16_unpack_32xn__##isa)                                              \
  X(float32.widen_values, rf_s8_f32_widen_values_256x32__##isa)                                    \
  X(f32bf16.widen_values, rf_s8_f32bf16_widen_values_256x32__##isa)

// Products of int8: of every instruction set the same bits.
#define RF_INT8_KERNELS(X, isa)                                                                    \
  X(matrix_s8g32, rf_s8g32_f32_matrix_nx32__##isa)                                                 \
  X(matrix_s8g32m, rf_s8g32m_f32_matrix_nx32__##isa)                                               \
  X(matrix_s8g16, rf_s8g16_f32_matrix_nx32__##isa)                                                 \
  X(matrix_s8g16m, rf_s8g16m_f32_matrix_nx32__##isa)

// One row of int8 with rows of a format.
#define RF_DOT_BLOCKS_KERNELS(X, isa) RF_FOR_FORMATS(RF_DOT_LINE, X, isa)

#define RF_PORTABLE_KERNELS(X)                                                                     \
  RF_VECTOR_KERNELS(X, portable) RF_FORMAT_KERNELS(X, portable) RF_INT8_KERNELS(X, portable)

#if defined(__x86_64__)
#define RF_AVX2_KERNELS(X)                                                                         \
  RF_VECTOR_KERNELS(X, avx2)                                                                       \
  RF_TILE_KERNELS(X, avx2) RF_FORMAT_KERNELS(X, avx2) RF_INT8_KERNELS(X, avx2)
#define RF_AVXVNNI_KERNELS(X)                                                                      \
  RF_INT8_KERNELS(X, avxvnni) X(peak_int8_dot_product, rf_u8s8_s32_peak__avxvnni)
#define RF_AVX512_KERNELS(X)                                                                       \
  RF_VECTOR_KERNELS(X, avx512) RF_TILE_KERNELS(X, avx512) RF_FORMAT_KERNELS(X, avx512)
#define RF_AVX512VNNI_KERNELS(X)                                                                   \
  RF_INT8_KERNELS(X, avx512vnni)                                                                   \
  RF_DOT_BLOCKS_KERNELS(X, avx512vnni) X(peak_int8_dot_product, rf_u8s8_s32_peak__avx512vnni)
#define RF_AVX512BF16_KERNELS(X)                                                                   \
  X(bf16.matrix, rf_bf16_f32_matrix_12x32__avx512bf16)                                             \
  X(bf16.accumulate_values, rf_bf16_f64_accumulate_values_12x32__avx512bf16)                       \
  X(bf16.softmax, rf_f32_bf16_softmax_nx256__avx512bf16)                                           \
  X(bf16.group_sums, rf_bf16_f32_group_sums_nx256__avx512bf16)                                     \
  X(bf16.pack_bf16, rf_bf16_bf16_pack_32xn__avx512)                                                \
  X(bf16.finish, rf_f64_bf16_finish_1xn__avx512bf16)                                               \
  X(bf16.rms_norm, rf_f32_bf16_rms_norm_1xn__avx512bf16)                                           \
  X(bf16.swiglu, rf_f32_bf16_swiglu_1xn__avx512bf16)                                               \
  X(bf16.geglu, rf_f32_bf16_geglu_1xn__avx512bf16)                                                 \
  X(bf16.round, rf_f32_bf16_round_1xn__avx512bf16)                                                 \
  X(bf16.widen_values, rf_s8_bf16_widen_values_256x32__avx512bf16)                                 \
  X(bf16.unpack, rf_u8_bf16_unpack_32xn__avx512)                                                   \
  X(dot_4_bf16_bf16, rf_bf16_f32_dot_4x1__avx512bf16)                                              \
  X(dots_bf16_bf16, rf_bf16_f32_dot_nxn__avx512bf16)                                               \
  X(peak_dot_product, rf_bf16_f32_peak__avx512bf16)
#else
#define RF_AVX2_KERNELS(X)
#define RF_AVXVNNI_KERNELS(X)
#define RF_AVX512_KERNELS(X)
#define RF_AVX512VNNI_KERNELS(X)
#define RF_AVX512BF16_KERNELS(X)
#endif

#define RF_DECLARE(field, symbol) extern __typeof__(*((rf_kernel_table *)0)->field) symbol;
RF_PORTABLE_KERNELS(RF_DECLARE)
RF_AVX2_KERNELS(RF_DECLARE)
RF_AVXVNNI_KERNELS(RF_DECLARE)
RF_AVX512_KERNELS(RF_DECLARE)
RF_AVX512VNNI_KERNELS(RF_DECLARE)
RF_AVX512BF16_KERNELS(RF_DECLARE)
#undef RF_DECLARE
