// How fast a CPU's int8 dot product is. The including file defines RF_DOT and RF_INT8_PEAK_CHAINS.

// Independent chains, enough to hide the latency of two units.
double RF_NAME(u8s8, s32, peak)(size_t rounds) {
  rf_s32x16 sums[RF_INT8_PEAK_CHAINS];
  rf_u8x64 weights = (rf_u8x64)rf_splat_s32(0x03010203);
  for (int i = 0; i < RF_INT8_PEAK_CHAINS; i++)
    sums[i] = rf_splat_s32(i);
  for (size_t round = 0; round < rounds; round++) {
    // Otherwise the compiler adds up all rounds in one.
    __asm__ volatile("" : "+m"(weights));
#pragma clang loop unroll(full)
    for (int i = 0; i < RF_INT8_PEAK_CHAINS; i++)
      sums[i] = RF_DOT(sums[i], weights, (rf_s32x16)weights);
  }
  for (int i = 1; i < RF_INT8_PEAK_CHAINS; i++)
    sums[0] += sums[i];
  volatile int32_t keep = sums[0][0];
  (void)keep;
  return (double)rounds * RF_INT8_PEAK_CHAINS * 64 * 2;
}
