// RF_FORMAT_KERNEL of every format that is multiplied as int8. The including file defines RF_HALVES
// (16 float16 at an address as floats), RF_LOOK_UP (16 values by indices) and RF_ADD_16_WHERE
// (bytes plus 16 where a bit of a mask is set), and RF_LOAD_BLOCKS if there is a fast way to load
// from blocks that follow each other.

#include "lanes.h"
#include "quants.h"

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
