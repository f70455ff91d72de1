#include "types.h"

#include "../kernel_list.h"
#include "../rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

// A product and a sum may fuse inside one expression, but not across two: s - n must stay exact.
#pragma clang fp contract(on)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define RF_ISA avx512
#define RF_PEAK_CHAINS 10
#define RF_HAS_ROUND
#define RF_HAS_SCALE
#define RF_TILE_ROWS 12
#define RF_TILE_VECTORS 2
#define RF_TILE_FOR_ROWS RF_FOR_ROWS
#define RF_DOT_COLUMNS 4
#define RF_DOT_ROWS_AT_ONCE 3
#include "avx512_formats.h"

#include "kernels.h"
#pragma clang attribute pop
#endif
