// What is made of one format: RF_FORMAT_KERNEL, a file. A format's file includes this, after it has
// defined
//
//   RF_FORMAT           its name
//   RF_FORMAT_BYTES     of a block
//   RF_FORMAT_GROUPS    of 32 weights in a block
//   RF_FORMAT_HALVES    if each 16 weights have a scale, not each 32
//   RF_FORMAT_MINIMUMS  if there are minimums
//
// and the functions rf_NAME_quants, of a group of four rows (or of four blocks of one, if a block
// is a group), and rf_NAME_scales, of a block of 16 rows. If a block is eight groups, also
//
//   RF_FORMAT_GROUP_OF(set, lane)  the four groups of each of two sets that lie at hand together
//
// and rf_NAME_fours, the quants of a set of one block. There they may be times a power of two,
// which the products are then shifted by.
#define RF_QUANTS_(format) rf_##format##_quants
#define RF_QUANTS(format) RF_QUANTS_(format)
#define RF_FOURS_(format) rf_##format##_fours
#define RF_FOURS(format) RF_FOURS_(format)
#define RF_SCALES_(format) rf_##format##_scales
#define RF_SCALES(format) RF_SCALES_(format)

#if defined(RF_FORMAT_HALVES)
#define RF_PARTS 2
#else
#define RF_PARTS 1
#endif
#if defined(RF_FORMAT_MINIMUMS)
#define RF_HAS_MINIMUMS 1
#else
#define RF_HAS_MINIMUMS 0
#endif

#include RF_FORMAT_KERNEL

#undef RF_FORMAT
#undef RF_FORMAT_GROUP_OF
#undef RF_FORMAT_BYTES
#undef RF_FORMAT_GROUPS
#undef RF_FORMAT_MINIMUMS
#undef RF_FORMAT_HALVES
#undef RF_PARTS
#undef RF_HAS_MINIMUMS
#undef RF_QUANTS_
#undef RF_QUANTS
#undef RF_SCALES_
#undef RF_FOURS
#undef RF_FOURS_
#undef RF_SCALES
