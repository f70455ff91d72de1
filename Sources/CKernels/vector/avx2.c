#include "types.h"

#include "../kernel_list.h"
#include "../rows.h"

#if defined(__x86_64__)
// A product and a sum may fuse inside one expression, but not across two: s - n must stay exact.
#pragma clang fp contract(on)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define RF_ISA avx2
#define RF_PEAK_CHAINS 5
#define RF_HAS_ROUND
#define RF_TILE_ROWS 6
#define RF_TILE_VECTORS 1
#define RF_TILE_FOR_ROWS RF_FOR_ROWS_6
#define RF_DOT_COLUMNS 3
#define RF_DOT_ROWS_AT_ONCE 1
#include "kernels.h"
#pragma clang attribute pop
#endif
