// Packs the rows of every format that is multiplied as int8. The including file defines RF_HALVES
// (16 float16 at an address as floats), RF_LOOK_UP (16 values by indices) and RF_ADD_16_WHERE
// (bytes plus 16 where a bit of a mask is set).

#include "quants.h"

// Of 4 x 4 words in each lane of four vectors, writes the columns: word i of all of them at 32 i.
RF_INLINE void rf_store_columns(const rf_u32x16 v[4], uint8_t *to) {
  const rf_u32x16 a = __builtin_shufflevector(v[0], v[1], RF_LOW_WORDS);
  const rf_u32x16 b = __builtin_shufflevector(v[0], v[1], RF_HIGH_WORDS);
  const rf_u32x16 c = __builtin_shufflevector(v[2], v[3], RF_LOW_WORDS);
  const rf_u32x16 d = __builtin_shufflevector(v[2], v[3], RF_HIGH_WORDS);
  const rf_u32x16 columns[4] = {
      (rf_u32x16)__builtin_shufflevector((rf_u64x8)a, (rf_u64x8)c, RF_LOW_PAIRS),
      (rf_u32x16)__builtin_shufflevector((rf_u64x8)a, (rf_u64x8)c, RF_HIGH_PAIRS),
      (rf_u32x16)__builtin_shufflevector((rf_u64x8)b, (rf_u64x8)d, RF_LOW_PAIRS),
      (rf_u32x16)__builtin_shufflevector((rf_u64x8)b, (rf_u64x8)d, RF_HIGH_PAIRS)};
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 4; i++)
    memcpy(to + 4 * RF_PANEL_COLUMNS * i, &columns[i], sizeof columns[i]);
}

#include "../formats/iq4_nl.h"
#include "../formats/iq4_xs.h"
#include "../formats/mxfp4.h"
#include "../formats/q2_k.h"
#include "../formats/q3_k.h"
#include "../formats/q4_0.h"
#include "../formats/q4_1.h"
#include "../formats/q4_k.h"
#include "../formats/q5_0.h"
#include "../formats/q5_1.h"
#include "../formats/q5_k.h"
#include "../formats/q6_k.h"
#include "../formats/q8_0.h"
