// The innermost loops, one microkernel a file, and the table through which Swift reaches them.
//
// A microkernel knows no memory management, no threads and no loop over blocks or tokens. Its
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
// Most rows that one call of a matrix microkernel takes.
#define RF_MICROTILE_ROWS 12
// A softmax state row is [headDimension] Float64 o, behind a header of 8: M, l, the rest of l and
// padding to a cache line.
#define RF_STATE_HEADER 8

// How far ahead of themselves kernels that wait for memory ask for it: beyond what a CPU looks
// ahead by itself, which ends with each page of 4 KB, and less than a second-level cache holds.
#define RF_PREFETCH_BYTES 32768

typedef uint16_t rf_bf16;

// The keys [begin, end) of a block that a row sees.
typedef struct rf_visible_keys {
  uint16_t begin, end;
} rf_visible_keys;

// What a state's o and a block's partial o are multiplied by when they merge: powers of two.
typedef struct rf_merge_factors {
  double state, block;
} rf_merge_factors;

// c[rows][columns <= 32] = a[rows][inputs] . b, for one panel b: [inputs][32] float32 or [inputs /
// 2][32][2] bf16. Summed in float32 in ascending order of inputs, or pairs of inputs. Adds
// bias[columns] where it is not null, and the old c where `accumulate` is set.
typedef void (*rf_matrix_function)(size_t rows, size_t inputs, const void *a, size_t a_stride,
                                   const void *b, float *c, size_t c_stride, size_t columns,
                                   const float *bias, bool accumulate);

// o[rows][columns] = o * factors.state + factors.block * (p[rows][keys] . v) for one panel v of 32
// or 16 columns: [keys][columns] float32 or [keys / 2][columns][2] bf16. The product is summed in
// float32 from zero, the rest is Float64. Where rest is not 0, what the rounding of o lost is added
// to o[row][rest + column].
typedef void (*rf_accumulate_values_function)(size_t rows, size_t keys, const void *p,
                                              size_t p_stride, const void *v, size_t columns,
                                              double *o, size_t o_stride, size_t rest,
                                              const rf_merge_factors *factors);

// packed = a panel for rf_matrix_function from weights[rows <= 32][inputs]; missing rows and an odd
// last input are zeros.
typedef void (*rf_pack_function)(const void *weights, size_t rows, size_t inputs, void *packed);

// out[2 * pairs][width] = x[pairs][width][2], widened from bf16; width is a multiple of 16.
typedef void (*rf_widen_pairs_function)(const rf_bf16 *x, size_t pairs, size_t width, float *out);

// The softmax numerators p[rows][256] of scores[rows][256] against one block, and the merge of the
// block's M and l into `states`, of which factors[rows] say what it does to o. Row r sees the keys
// visible[r], or all where visible is null; the others' p is 0, and a row that sees none is left as
// it is. s = scores * scale (base 2), M = ceil(max s), p = 2^(s - M) by exponent and polynomial, l
// = the sum of p as stored.
typedef void (*rf_softmax_function)(size_t rows, const float *scores, float scale,
                                    const rf_visible_keys *visible, void *p, double *states,
                                    size_t state_stride, rf_merge_factors *factors);

// o[columns] = o * alpha + beta * block[columns] in Float64; alpha and beta are powers of two.
// Where rest is not null, rest[columns] = rest * alpha + what the rounding of o's sum lost.
typedef void (*rf_merge_function)(const float *block, size_t columns, double *o, double *rest,
                                  double alpha, double beta);

// out[columns] = (o[columns] + rest[columns]) / sum, rounded once to the matrix input type. rest is
// null for the types of bf16 precision, and never for float32.
typedef void (*rf_finish_function)(const double *o, const double *rest, size_t columns, double sum,
                                   void *out);

// out[columns] = x / sqrt(mean(x^2) + epsilon) * weight, rounded to the matrix input type.
typedef void (*rf_rms_norm_function)(const float *x, const float *weight, size_t columns,
                                     float epsilon, void *out);

// out[columns] = activation(gate) * up, rounded to the matrix input type: SiLU in SwiGLU, the tanh
// form of GELU in GeGLU.
typedef void (*rf_gated_function)(const float *gate, const float *up, size_t columns, void *out);

// x[count] = outer * tanh(x * inner), in place.
typedef void (*rf_soft_cap_function)(float *x, size_t count, float inner, float outer);

// out[count] = x[count], rounded to the matrix input type.
typedef void (*rf_round_function)(const float *x, size_t count, void *out);

// out[count] = x[count], widened from bf16.
typedef void (*rf_widen_function)(const rf_bf16 *x, size_t count, float *out);

// out[rows <= 4] = weights[rows][inputs] . x[inputs].
typedef void (*rf_dot_4_function)(const void *weights, size_t rows, size_t inputs, const void *x,
                                  float *out);

// out[columns][rows] = weights[rows][inputs] . x[columns][inputs], each with the bits of the
// function above. float32 inputs come as `rf_split_function` leaves them; `x_stride` is in
// elements.
typedef void (*rf_dots_function)(const void *weights, size_t rows, size_t inputs, const void *x,
                                 size_t columns, size_t x_stride, float *out, size_t out_stride);

// out = x[count] in groups of 32, of each the 16 even ones before the odd ones, and zeros behind.
typedef void (*rf_split_function)(const float *x, size_t count, float *out);

// A measured peak: runs `rounds` rounds on registers alone and returns the floating-point
// operations done.
typedef double (*rf_peak_function)(size_t rounds);

// Sum over memory, to measure read bandwidth. `bytes` is a multiple of 512.
typedef uint64_t (*rf_read_function)(const void *memory, size_t bytes);

// Matrix input types: what attention and linear layers read. float32: float.  rounded: float that
// holds a bf16 value (bf16 precision without a bf16 dot product).  bf16: rf_bf16.
typedef struct rf_input_kernels {
  rf_softmax_function softmax;
  // The four below are null where OpenBLAS multiplies instead.
  rf_matrix_function matrix;
  rf_accumulate_values_function accumulate_values;
  rf_pack_function pack_bf16;
  rf_pack_function pack_float32; // null but for float32
  rf_finish_function finish;
  rf_rms_norm_function rms_norm;
  rf_gated_function swiglu;
  rf_gated_function geglu;
  rf_round_function round;
} rf_input_kernels;

typedef struct rf_kernel_table {
  rf_input_kernels float32;
  rf_input_kernels rounded;
  rf_input_kernels bf16; // null functions without a bf16 dot product
  rf_widen_function widen;
  // The three below are null where OpenBLAS multiplies. What `rounded` does to float32 panels, the
  // first two do to bf16 panels as they lie in memory, with the same bits: for few rows.
  rf_matrix_function matrix_pairs;
  rf_accumulate_values_function accumulate_values_pairs;
  rf_widen_pairs_function widen_pairs;
  rf_soft_cap_function soft_cap;
  rf_merge_function merge;
  rf_dot_4_function dot_4_float32_float32; // weights, x
  rf_dot_4_function dot_4_bf16_float32;
  rf_dot_4_function dot_4_bf16_bf16;     // null without a bf16 dot product
  rf_dots_function dots_float32_float32; // weights, x
  rf_dots_function dots_bf16_float32;
  rf_dots_function dots_bf16_bf16; // null without a bf16 dot product
  rf_split_function split;
  rf_peak_function peak_dot_product; // null without a bf16 dot product
  rf_peak_function peak_multiply_add;
  rf_read_function read;
} rf_kernel_table;

// In ascending order; each includes those before it that belong to its architecture.
typedef enum rf_instruction_set {
  rf_instruction_set_portable = 0,
  rf_instruction_set_avx2 = 1,
  rf_instruction_set_avx512 = 2,
  rf_instruction_set_avx512bf16 = 3,
} rf_instruction_set;

// Whether this CPU and operating system can run it.
bool rf_instruction_set_is_available(rf_instruction_set set);

// Whether the bf16 dot product does more than float32 multiply-add, given that this CPU has one.
bool rf_bf16_dot_product_pays(void);

// Filled from the portable entries upward, up to `set`.
rf_kernel_table rf_kernel_table_for(rf_instruction_set set);

// The CPU's name as it gives it, or an empty text. `text` takes 64 bytes.
void rf_cpu_name(char *text);

// Asks for memory that is needed soon, into the second-level cache.
static inline void rf_prefetch(const void *memory, size_t bytes) {
  for (size_t offset = 0; offset < bytes; offset += 64)
    __builtin_prefetch((const char *)memory + offset, 0, 2);
}

// Tells the core that it waits for another.
static inline void rf_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#if defined(__cplusplus)
}
#endif
