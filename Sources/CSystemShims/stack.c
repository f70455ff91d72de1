// For pthread_setattr_default_np.
#define _GNU_SOURCE

#include "CSystemShims.h"

#include <pthread.h>

int rf_set_default_stack(size_t bytes) {
  pthread_attr_t attributes;
  int code = pthread_getattr_default_np(&attributes);
  if (code)
    return code;
  code = pthread_attr_setstacksize(&attributes, bytes);
  if (!code)
    code = pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
  return code;
}
