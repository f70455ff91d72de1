// Vectors of 16 float32 lanes, in the vector types of the compiler. Lanes and order of summation
// are the same on every CPU; the target attribute of the including file decides which instructions
// they become.
#pragma once

#include "CKernels.h"

#include <assert.h>
#include <math.h>
#include <string.h>

_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "lanes have the width of their numbers");
_Static_assert(RF_PANEL_COLUMNS % 16 == 0, "a panel is whole vectors");
_Static_assert(RF_BLOCK_KEYS % 32 == 0, "a block's keys are whole pairs of vectors");

// Only inlined functions take and return vectors, so how a call would pass them does not matter.
#pragma clang diagnostic ignored "-Wpsabi"
#define RF_INLINE static inline __attribute__((always_inline))

typedef float rf_f32x16 __attribute__((vector_size(64)));
typedef float rf_f32x8 __attribute__((vector_size(32)));
typedef double rf_f64x8 __attribute__((vector_size(64)));
typedef int32_t rf_s32x16 __attribute__((vector_size(64)));
typedef uint32_t rf_u32x16 __attribute__((vector_size(64)));
typedef uint16_t rf_u16x16 __attribute__((vector_size(32)));
typedef uint64_t rf_u64x8 __attribute__((vector_size(64)));
typedef uint8_t rf_u8x16 __attribute__((vector_size(16)));
typedef uint8_t rf_u8x32 __attribute__((vector_size(32)));
typedef uint8_t rf_u8x64 __attribute__((vector_size(64)));
typedef int16_t rf_s16x16 __attribute__((vector_size(32)));
typedef int8_t rf_s8x16 __attribute__((vector_size(16)));

// 2^f for f in [-0.5, 0.5], a polynomial of degree 6. Its relative error is 1.6e-8 (Remez exchange
// on the relative error, then the coefficients rounded to float32).
#define RF_EXP2_C0 1.00000000055f
#define RF_EXP2_C1 0.693147205737f
#define RF_EXP2_C2 0.240226468906f
#define RF_EXP2_C3 0.0555032877711f
#define RF_EXP2_C4 0.00961848895633f
#define RF_EXP2_C5 0.00133999311772f
#define RF_EXP2_C6 0.000153458121613f

// Indices of shuffles: the first bytes of two vectors, and of 128-bit lanes the low or the high
// words (or pairs of words) of two vectors by turns.
#define RF_FIRST_32                                                                                \
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,    \
      26, 27, 28, 29, 30, 31
#define RF_FIRST_64                                                                                \
  RF_FIRST_32, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, \
      53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
#define RF_LOW_WORDS 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define RF_HIGH_WORDS 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define RF_LOW_PAIRS 0, 8, 2, 10, 4, 12, 6, 14
#define RF_HIGH_PAIRS 1, 9, 3, 11, 5, 13, 7, 15
