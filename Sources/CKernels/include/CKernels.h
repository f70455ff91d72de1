// The innermost loops (microkernels), and the table through which Swift calls them.
//
// A microkernel allocates no memory, starts no threads and has no loop over blocks or tokens. Its
// result for one row does not depend on which other rows are computed in the same call: every
// output has one fixed order of summation.
//
// Names: rf_<input types>_<output type>_<operation>_<tile>__<instruction set>.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

// Keys in one KV block, and columns of one panel of packed keys, values or weights.
#define RF_BLOCK_KEYS 256
#define RF_PANEL_COLUMNS 32
// The largest number of rows in one call of a matrix microkernel.
#define RF_MICROTILE_ROWS 12
// Inputs of a chunk of those sums that are computed chunk by chunk. The last chunk also has what is
// left behind it; inputs that are fewer than two chunks are one. A multiple of every format's
// block.
#define RF_CHUNK_INPUTS 512
// A row of softmax states is Float64: a header of 8 (M, l, the rest of l, and padding to a cache
// line), then o[headDimension].
#define RF_STATE_HEADER 8

// How far ahead a kernel prefetches if memory limits its speed. A CPU prefetches by itself too, but
// no further than the end of a page of 4 KB; this is more than that, and less than a second-level
// cache holds.
#define RF_PREFETCH_BYTES 32768
// The same from the second-level cache into the first, where the next panel follows this one:
// kernels wait for a panel when they read it first.
#define RF_PANEL_AHEAD 4096
// The same of keys and values of int8, which come from memory and are read once.
#define RF_CACHE_AHEAD 16384

typedef uint16_t rf_bf16;

// A row sees the keys [begin, end) of a block.
typedef struct rf_visible_keys {
  uint16_t begin, end;
} rf_visible_keys;

// The powers of two by which a state's o and a block's partial o are multiplied when they merge.
typedef struct rf_merge_factors {
  double state, block;
} rf_merge_factors;

// c[rows][columns <= 32] = a[rows][inputs] . b, for one panel b: [inputs][32] float32 or [inputs /
// 2][32][2] bf16. Sums are float32, in ascending order of inputs, or of pairs of inputs. Adds
// bias[columns] if `bias` is not null, and the old c if `accumulate` is set.
typedef void (*rf_matrix_function)(size_t rows, size_t inputs, const void *a, size_t a_stride,
                                   const void *b, float *c, size_t c_stride, size_t columns,
                                   const float *bias, bool accumulate);

// o[rows][columns] = o * factors.state + factors.block * (p[rows][keys] . v) for one panel v of 32
// or 16 columns: [keys][columns] float32 or [keys / 2][columns][2] bf16. The product p . v is
// summed in float32, from zero; everything else is Float64. If `rest` is not 0, the rounding error
// of o is added to o[row][rest + column].
typedef void (*rf_accumulate_values_function)(size_t rows, size_t keys, const void *p,
                                              size_t p_stride, const void *v, size_t columns,
                                              double *o, size_t o_stride, size_t rest,
                                              const rf_merge_factors *factors);

// Packs weights[rows <= 32][inputs] into a panel for rf_matrix_function. Missing rows are zeros,
// and so is the second half of the last pair if the number of inputs is odd.
typedef void (*rf_pack_function)(const void *weights, size_t rows, size_t inputs, void *packed);

// out[2 * pairs][width] = x[pairs][width][2], widened from bf16. `width` is a multiple of 16.
typedef void (*rf_widen_pairs_function)(const rf_bf16 *x, size_t pairs, size_t width, float *out);

// Computes the softmax numerators p[rows][256] of scores[rows][256] for one block, and merges the
// block's M and l into `states`; factors[rows] is what the states' o must then be merged with. Row
// r sees the keys visible[r], or all keys if `visible` is null. p is 0 for the other keys, and the
// state of a row that sees no key stays as it is. s = scores * scale (base 2), M = ceil(max s), p =
// 2^(s - M) by exponent and polynomial, l = the sum of p as stored.
typedef void (*rf_softmax_function)(size_t rows, const float *scores, float scale,
                                    const rf_visible_keys *visible, void *p, double *states,
                                    size_t state_stride, rf_merge_factors *factors);

// sums[rows][16]: of each 16 neighbours of p[rows][256], softmax numerators of a block, in float32.
typedef void (*rf_group_sums_function)(size_t rows, const void *p, float *sums);

// o[columns] = o * alpha + beta * block[columns] in Float64; alpha and beta are powers of two. If
// `rest` is not null, rest[columns] = rest * alpha + the rounding error of that sum.
typedef void (*rf_merge_function)(const float *block, size_t columns, double *o, double *rest,
                                  double alpha, double beta);

// out[columns] = (o[columns] + rest[columns]) / sum, rounded once to the matrix input type. `rest`
// is not null for float32, and null for the two types of bf16 precision.
typedef void (*rf_finish_function)(const double *o, const double *rest, size_t columns, double sum,
                                   void *out);

// out[columns] = x / sqrt(mean(x^2) + epsilon) * weight, rounded to the matrix input type.
typedef void (*rf_rms_norm_function)(const float *x, const float *weight, size_t columns,
                                     float epsilon, void *out);

// out[columns] = activation(gate) * up, rounded to the matrix input type. The activation is SiLU in
// SwiGLU, and the tanh form of GELU in GeGLU.
typedef void (*rf_gated_function)(const float *gate, const float *up, size_t columns, void *out);

// x[count] = outer * tanh(x * inner), in place.
typedef void (*rf_soft_cap_function)(float *x, size_t count, float inner, float outer);

// RoPE of x[rows][head_dimension], the heads of one position, in place. In each row, the pair
// (a, b) = (x[i], x[distance + i]), i < pairs, becomes (a cosines[i] - b sines[i], b cosines[i] +
// a sines[i]). Every product and every sum is rounded to float32. What is in no pair stays as it
// is.
typedef void (*rf_rotate_halves_function)(size_t rows, size_t head_dimension, size_t pairs,
                                          size_t distance, const float *cosines, const float *sines,
                                          float *x);

// The same with each pair side by side, (x[2 i], x[2 i + 1]): a pair has the bits that it has
// there.
typedef void (*rf_rotate_pairs_function)(size_t rows, size_t head_dimension, size_t pairs,
                                         const float *cosines, const float *sines, float *x);

// RMSNorm of each row of x[rows][head_dimension], in place, with the bits of the float32
// rf_rms_norm_function.
typedef void (*rf_head_norm_function)(size_t rows, size_t head_dimension, const float *weight,
                                      float epsilon, float *x);

// out[count] = x[count], rounded to the matrix input type.
typedef void (*rf_round_function)(const float *x, size_t count, void *out);

// out[count] = x[count], widened from bf16.
typedef void (*rf_widen_function)(const rf_bf16 *x, size_t count, float *out);

// out[count] = scale * codes[count], numbers of FP8 (E4M3), in float32: one rounding. Where out is
// bf16, that is rounded again.
typedef void (*rf_unpack_e4m3_function)(const void *codes, size_t count, float scale, void *out);

// out[chunks][4] = weights[rows <= 4][inputs] . x[inputs], the sum of each chunk by itself. Rows
// lie `row_stride` elements apart.
typedef void (*rf_dot_4_function)(const void *weights, size_t row_stride, size_t rows,
                                  size_t inputs, size_t chunks, const void *x, float *out);

// out[columns][rows] = weights[rows][inputs] . x[columns][inputs], each output with the bits of the
// function above for one chunk. float32 inputs are in the order that `rf_split_function` writes.
// Strides are in elements.
typedef void (*rf_dots_function)(const void *weights, size_t row_stride, size_t rows, size_t inputs,
                                 const void *x, size_t columns, size_t x_stride, float *out,
                                 size_t out_stride);

// Copies x[count] in groups of 32: of each group, first the 16 even elements, then the 16 odd ones.
// The last group is filled up with zeros.
typedef void (*rf_split_function)(const float *x, size_t count, float *out);

// Rows of int8. The quants of a row, [groups][32], are followed by its groups: what 32 inputs have
// in common. A row begins at a multiple of 4 bytes.
typedef struct rf_int8_group {
  float scale;       // an input is scale * quant
  int32_t start;     // -128 * the sum of the quants: panels hold weights plus 128
  int32_t starts[2]; // the same of each half
  float sum;         // scale * the sum of the quants: what a minimum is multiplied by
  float sums[2];
  uint32_t padding;
} rf_int8_group;

// Panels of int8 weights: for each group of 32 inputs [8][32 columns][4] unsigned bytes, 128 above
// the quants, then float32 scales [parts][32] and, if the format has them, minimums [parts][32].
// There are two parts if each half of a group has its scale, otherwise one. A weight is scale *
// quant + minimum.
#define RF_INT8_QUANT_BYTES (32 * RF_PANEL_COLUMNS)
#define RF_INT8_GROUP_BYTES(parts, has_minimums)                                                   \
  (RF_INT8_QUANT_BYTES + 4 * RF_PANEL_COLUMNS * (parts) * (1 + ((has_minimums) ? 1 : 0)))

// outputs[rows][columns <= 32] = inputs[rows][32 * group_count] . panel, summed as int8.h says.
typedef struct rf_int8_product {
  size_t rows, group_count;
  const int8_t *inputs;        // of the first group to be multiplied, in the first row
  const rf_int8_group *groups; // the same
  size_t stride;               // bytes from row to row, of quants and of groups
  const void *panel;
  float *outputs;
  size_t output_stride, columns;
  const float *bias; // [columns], or null
  bool continues;    // sums go on with what the outputs hold
  bool accumulate;   // what the outputs held is added in the end
  // Memory as large as the panel that is prefetched meanwhile, for few rows; or null.
  const void *ahead;
} rf_int8_product;

typedef void (*rf_int8_matrix_function)(const rf_int8_product *product);

// Packs `blocks` blocks of weights[rows <= 32] of a format, which lie `row_bytes` apart. Meanwhile
// as many bytes from `ahead` on are prefetched, little by little, so that no load waits behind many
// prefetches.
typedef void (*rf_pack_blocks_function)(const void *weights, size_t row_bytes, size_t rows,
                                        size_t blocks, const void *ahead, void *panel);

// x[count], rounded to a row of int8.
typedef void (*rf_quantize_function)(const float *x, size_t count, void *row);

// A panel of int8 weights as a panel for rf_matrix_function.
typedef void (*rf_unpack_panel_function)(const void *panel, size_t group_count, size_t parts,
                                         bool has_minimums, void *out);

// One panel of 32 columns of int8 values of a KV block as a panel of 32 or 16 columns for
// rf_accumulate_values_function. It is int8 [128 pairs of keys][32][2], then float32 scales [256
// keys].
typedef void (*rf_widen_values_function)(const void *panel, size_t columns, void *out);

// outputs[chunks][32] = weights[32] . input, a row of int8 of as many groups, the sum of each chunk
// by itself: the bits of packing and multiplying. Memory is prefetched as in packing.
typedef void (*rf_dot_blocks_function)(const void *weights, size_t row_bytes, size_t blocks,
                                       size_t chunks, const void *ahead, const void *input,
                                       float *outputs);

typedef struct rf_format_kernels {
  rf_pack_blocks_function pack;
  rf_dot_blocks_function dot; // null where packing and multiplying is as fast
} rf_format_kernels;

// Every format, named as its file in formats/.
typedef struct rf_formats {
  rf_format_kernels q8_0, q4_0, q4_1, q5_0, q5_1;
  rf_format_kernels q2_k, q3_k, q4_k, q5_k, q6_k;
  rf_format_kernels iq4_nl, iq4_xs, mxfp4;
} rf_formats;

// To measure a peak: runs `rounds` rounds that use registers only, and returns how many
// floating-point operations they are.
typedef double (*rf_peak_function)(size_t rounds);

// To measure how fast memory is read: sums its words. `bytes` is a multiple of 512.
typedef uint64_t (*rf_read_function)(const void *memory, size_t bytes);

// One table for each matrix input type, which is what attention and linear layers read. float32:
// float. f32bf16: float that holds a bf16 value (bf16 precision without a bf16 dot product). bf16:
// rf_bf16.
typedef struct rf_input_kernels {
  rf_softmax_function softmax;
  rf_group_sums_function group_sums;
  // The next four are null where OpenBLAS multiplies instead.
  rf_matrix_function matrix;
  rf_accumulate_values_function accumulate_values;
  rf_pack_function pack_bf16;
  rf_pack_function pack_float32; // null but for float32
  rf_finish_function finish;
  rf_rms_norm_function rms_norm;
  rf_gated_function swiglu;
  rf_gated_function geglu;
  rf_round_function round;
  rf_unpack_panel_function unpack;
  rf_widen_values_function widen_values;
} rf_input_kernels;

typedef struct rf_kernel_table {
  rf_input_kernels float32;
  rf_input_kernels f32bf16;
  rf_input_kernels bf16; // null functions without a bf16 dot product
  rf_widen_function widen;
  rf_unpack_e4m3_function unpack_e4m3_float32;
  rf_unpack_e4m3_function unpack_e4m3_bf16;
  // The next three are null where OpenBLAS multiplies. The first two give the bits of
  // `f32bf16.matrix` and `f32bf16.accumulate_values`, but read panels of bf16 as they lie in
  // memory: for few rows, which would not repay widening.
  rf_matrix_function matrix_pairs;
  rf_accumulate_values_function accumulate_values_pairs;
  rf_widen_pairs_function widen_pairs;
  rf_soft_cap_function soft_cap;
  rf_rotate_halves_function rotate_halves;
  rf_rotate_pairs_function rotate_pairs;
  rf_head_norm_function head_norm;
  rf_merge_function merge;
  rf_dot_4_function dot_4_float32_float32; // weights, x
  rf_dot_4_function dot_4_bf16_float32;
  rf_dot_4_function dot_4_bf16_bf16;     // null without a bf16 dot product
  rf_dots_function dots_float32_float32; // weights, x
  rf_dots_function dots_bf16_float32;
  rf_dots_function dots_bf16_bf16; // null without a bf16 dot product
  rf_split_function split;
  rf_formats formats;
  rf_quantize_function quantize;
  // Of formats with a scale for 32 weights, and for 16; `m` is of those with minimums.
  rf_int8_matrix_function matrix_s8g32, matrix_s8g32m, matrix_s8g16, matrix_s8g16m;
  rf_peak_function peak_int8_dot_product; // null without one
  rf_peak_function peak_dot_product;      // null without a bf16 dot product
  rf_peak_function peak_multiply_add;
  rf_read_function read;
} rf_kernel_table;

// In ascending order. Each includes those before it of the same architecture.
typedef enum rf_instruction_set {
  rf_instruction_set_portable = 0,
  rf_instruction_set_avx2 = 1,
  rf_instruction_set_avx512 = 2,
  rf_instruction_set_avx512bf16 = 3,
} rf_instruction_set;

// Whether this CPU and operating system can run it.
bool rf_instruction_set_is_available(rf_instruction_set set);

// Whether the bf16 dot product is faster than float32 multiply-add. Of a CPU that has one.
bool rf_bf16_dot_product_pays(void);

// The kernels of `set`, and where it has none of its own, those of the sets before it.
rf_kernel_table rf_kernel_table_for(rf_instruction_set set);

// The same on a CPU that has no int8 dot products, to test on one that has.
rf_kernel_table rf_kernel_table_without_int8_dot_products(rf_instruction_set set);

// Writes the CPU's name for itself, or an empty text if it has none. `text` has room for 64 bytes.
void rf_cpu_name(char *text);

// Prefetches memory that is needed soon.
static inline void rf_prefetch(const void *memory, size_t bytes) {
  for (size_t offset = 0; offset < bytes; offset += 64)
    __builtin_prefetch((const char *)memory + offset, 0, 3);
}

#if defined(__cplusplus)
}
#endif
