// MXFP4 (Open Compute Project, Microscaling Formats 1.0; as ggml lays it out): blocks of 32 weights
// in 17 bytes.
//
//   0   the scale, E8M0: 2^(e - 127)
//   1   16 bytes: of byte i, the low 4 bits are weight i and the high 4 bits weight 16 + i, each an
//       E2M1
//
// weight = 2^(e - 128) v[q], where v is twice the E2M1, an integer
RF_INLINE rf_quants rf_mxfp4_quants(rf_rows rows, size_t group) {
  (void)group;
  return rf_looked_up(rf_nibbles(rf_load_lanes(rows, 1)), RF_E2M1_VALUES);
}

RF_INLINE void rf_mxfp4_scales(rf_sixteen_rows rows, rf_scale_slots to) {
  // 2^-128 and 2^-127 are subnormal.
  const rf_u32x16 e = rf_words(rows, 0) & 0xff;
  const rf_u32x16 subnormal = (e + 1) * 0x00200000u, normal = (e - 1) << 23;
  rf_store_scale(to, 0, 0, rf_select((rf_s32x16)(e < 2), (rf_f32x16)subnormal, (rf_f32x16)normal));
}

#define RF_FORMAT mxfp4
#define RF_FORMAT_BYTES 17
#define RF_FORMAT_GROUPS 1
#include "../vector/format_kernel.h"
