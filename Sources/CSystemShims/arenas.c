#include "CSystemShims.h"

#include <malloc.h>

void rf_share_arena(void) {
#ifdef M_ARENA_MAX
  mallopt(M_ARENA_MAX, 1);
#endif
}
