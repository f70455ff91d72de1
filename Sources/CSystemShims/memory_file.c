// For memfd_create.
#define _GNU_SOURCE

#include "CSystemShims.h"

#include <sys/mman.h>

int rf_memory_file(void) { return memfd_create("ringflash", MFD_CLOEXEC); }
