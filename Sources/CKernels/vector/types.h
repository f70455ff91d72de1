// Vectors of 16 float32 lanes in the compiler's own vector types: on every CPU the same lanes and
// the same order of summation; the target attribute of the including file decides which
// instructions they become.
#pragma once

#include "CKernels.h"

#include <math.h>
#include <string.h>

// Vectors pass between inlined functions only, so how they would be passed in registers is of no
// matter.
#pragma clang diagnostic ignored "-Wpsabi"
#define RF_INLINE static inline __attribute__((always_inline))

typedef float rf_f32x16 __attribute__((vector_size(64)));
typedef float rf_f32x8 __attribute__((vector_size(32)));
typedef double rf_f64x8 __attribute__((vector_size(64)));
typedef int32_t rf_s32x16 __attribute__((vector_size(64)));
typedef uint32_t rf_u32x16 __attribute__((vector_size(64)));
typedef uint16_t rf_u16x16 __attribute__((vector_size(32)));
typedef uint64_t rf_u64x8 __attribute__((vector_size(64)));

// Degree 6, relative error 1.6e-8 on [-0.5, 0.5] (Remez exchange on the relative error, then the
// coefficients rounded to float32).
#define RF_EXP2_C0 1.00000000055f
#define RF_EXP2_C1 0.693147205737f
#define RF_EXP2_C2 0.240226468906f
#define RF_EXP2_C3 0.0555032877711f
#define RF_EXP2_C4 0.00961848895633f
#define RF_EXP2_C5 0.00133999311772f
#define RF_EXP2_C6 0.000153458121613f
