#include "types.h"

#include "../kernel_list.h"
#include "../rows.h"

// A product and a sum may fuse inside one expression, but not across two: s - n must stay exact.
#pragma clang fp contract(on)
#define RF_ISA portable
#define RF_PEAK_CHAINS 5
#if defined(__aarch64__)
#define RF_HAS_ROUND
#endif
#define RF_DOT_COLUMNS 1
#define RF_DOT_ROWS_AT_ONCE 1
#include "kernels.h"
