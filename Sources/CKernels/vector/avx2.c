#include "types.h"

#include "../kernel_list.h"

#if defined(__x86_64__)
// A product and a sum fuse only inside one expression, so that s - n stays exact.
#pragma clang fp contract(on)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define RF_ISA avx2
#define RF_PEAK_CHAINS 5
#define RF_HAS_ROUND
#include "kernels.h"
#pragma clang attribute pop
#endif
