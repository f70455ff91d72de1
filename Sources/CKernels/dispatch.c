#include "kernel_list.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

typedef struct registers {
  unsigned a, b, c, d;
} registers;

static registers cpuid(unsigned leaf, unsigned subleaf) {
  registers r = {0};
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
  return r;
}

// Which registers the operating system saves (XCR0). Instructions that use others fault.
static unsigned enabled_states(void) {
  if (!(cpuid(1, 0).c & bit_OSXSAVE))
    return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool rf_instruction_set_is_available(rf_instruction_set set) {
  const unsigned ymm = 0x6, zmm = 0xe6;
  const registers one = cpuid(1, 0), seven = cpuid(7, 0);
  const unsigned states = enabled_states();
  const bool avx2 =
      (states & ymm) == ymm && (seven.b & bit_AVX2) && (one.c & bit_FMA) && (one.c & bit_F16C);
  const unsigned avx512_bits = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  const bool avx512 = avx2 && (states & zmm) == zmm && (seven.b & avx512_bits) == avx512_bits;
  switch (set) {
  case rf_instruction_set_portable:
    return true;
  case rf_instruction_set_avx2:
    return avx2;
  case rf_instruction_set_avx512:
    return avx512;
  case rf_instruction_set_avx512bf16:
    return avx512 && seven.a >= 1 && (cpuid(7, 1).a & bit_AVX512BF16);
  }
  return false;
}

// int8 dot products. They are no instruction set of their own here: what they give follows from
// integers, so no bit depends on who has them.
static bool has_avxvnni(void) {
  return rf_instruction_set_is_available(rf_instruction_set_avx2) && cpuid(7, 0).a >= 1 &&
         (cpuid(7, 1).a & 1u << 4);
}

static bool has_avx512vnni(void) {
  return rf_instruction_set_is_available(rf_instruction_set_avx512) && (cpuid(7, 0).c & 1u << 11);
}

// On AMD's cores it does twice the FLOPs of multiply-add. Intel's cores start one bf16 dot product
// of 512 bits every two cycles, but two multiply-adds every cycle: half the FLOPs.
bool rf_bf16_dot_product_pays(void) {
  const registers vendor = cpuid(0, 0);
  return !(vendor.b == signature_INTEL_ebx && vendor.d == signature_INTEL_edx &&
           vendor.c == signature_INTEL_ecx);
}

void rf_cpu_name(char *text) {
  memset(text, 0, 64);
  if (cpuid(0x80000000u, 0).a < 0x80000004u)
    return;
  for (unsigned i = 0; i < 3; i++) {
    registers r = cpuid(0x80000002u + i, 0);
    memcpy(text + 16 * i, &r, sizeof r);
  }
}
#else
static bool has_avxvnni(void) { return false; }
static bool has_avx512vnni(void) { return false; }

bool rf_instruction_set_is_available(rf_instruction_set set) {
  return set == rf_instruction_set_portable;
}

bool rf_bf16_dot_product_pays(void) { return false; }

void rf_cpu_name(char *text) { memset(text, 0, 64); }
#endif

static rf_kernel_table table_for(rf_instruction_set set, bool with_int8_dot_products) {
  rf_kernel_table table;
  memset(&table, 0, sizeof table);
#define RF_FILL(field, symbol) table.field = symbol;
  RF_PORTABLE_KERNELS(RF_FILL)
  if (set >= rf_instruction_set_avx2) {
    RF_AVX2_KERNELS(RF_FILL)
    if (with_int8_dot_products && has_avxvnni()) {
      RF_AVXVNNI_KERNELS(RF_FILL)
    }
  }
  if (set >= rf_instruction_set_avx512) {
    RF_AVX512_KERNELS(RF_FILL)
    if (with_int8_dot_products && has_avx512vnni()) {
      RF_AVX512VNNI_KERNELS(RF_FILL)
    }
  }
  if (set >= rf_instruction_set_avx512bf16) {
    RF_AVX512BF16_KERNELS(RF_FILL)
  }
#undef RF_FILL
  return table;
}

rf_kernel_table rf_kernel_table_for(rf_instruction_set set) { return table_for(set, true); }

rf_kernel_table rf_kernel_table_without_int8_dot_products(rf_instruction_set set) {
  return table_for(set, false);
}
