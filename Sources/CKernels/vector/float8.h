// FP8 in the form E4M3 without infinities (Micikevicius et al., arXiv:2209.05433): a sign, 4 bits
// of exponent with a bias of 7, 3 bits of fraction. 0x7f and 0xff are NaN, and numbers with an
// exponent of 0 are multiples of 2^-9. float32 and bf16 have all of them.

// The numbers of 16 codes.
RF_INLINE rf_f32x16 rf_e4m3(rf_u8x16 codes) {
  const rf_u32x16 wide = __builtin_convertvector(codes, rf_u32x16);
  const rf_u32x16 magnitude = wide & 0x7f;
  // Exponent and fraction are side by side, as in float32, whose bias is 120 larger.
  const rf_f32x16 normal = (rf_f32x16)((magnitude << 20) + (120u << 23));
  const rf_f32x16 multiple = __builtin_convertvector((rf_s32x16)magnitude, rf_f32x16) * 0x1p-9f;
  rf_f32x16 value = rf_select((rf_s32x16)(magnitude < 8), multiple, normal);
  value = rf_select((rf_s32x16)(magnitude == 0x7f), rf_splat(NAN), value);
  return (rf_f32x16)((rf_u32x16)value | (wide & 0x80) << 24);
}

RF_INLINE rf_f32x16 rf_scaled_e4m3(const uint8_t *codes, float scale) {
  rf_u8x16 v;
  memcpy(&v, codes, sizeof v);
  return rf_e4m3(v) * scale;
}

RF_INLINE rf_f32x16 rf_scaled_e4m3_tail(const uint8_t *codes, size_t count, float scale) {
  uint8_t padded[16] = {0};
  memcpy(padded, codes, count);
  return rf_scaled_e4m3(padded, scale);
}

// bf16 of 16 numbers, to the nearest, ties to even.
RF_INLINE rf_u16x16 rf_narrow(rf_f32x16 x) {
  return __builtin_convertvector((rf_u32x16)rf_round_to_bf16(x) >> 16, rf_u16x16);
}

void RF_NAME(e4m3, f32, unpack_1xn)(const void *codes, size_t count, float scale, void *out) {
  const uint8_t *x = codes;
  float *y = out;
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    rf_store(y + i, rf_scaled_e4m3(x + i, scale));
  if (i < count) {
    const rf_f32x16 v = rf_scaled_e4m3_tail(x + i, count - i, scale);
    memcpy(y + i, &v, (count - i) * sizeof *y);
  }
}

void RF_NAME(e4m3, bf16, unpack_1xn)(const void *codes, size_t count, float scale, void *out) {
  const uint8_t *x = codes;
  rf_bf16 *y = out;
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const rf_u16x16 v = rf_narrow(rf_scaled_e4m3(x + i, scale));
    memcpy(y + i, &v, sizeof v);
  }
  if (i < count) {
    const rf_u16x16 v = rf_narrow(rf_scaled_e4m3_tail(x + i, count - i, scale));
    memcpy(y + i, &v, (count - i) * sizeof *y);
  }
}
