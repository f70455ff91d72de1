#include "mappings.h"

#include "CSystemShims.h"

#include <stdatomic.h>
#include <stdint.h>

// Read by a signal handler, so it is a table of fixed size. Of what finds no room in it, a message
// does not name the file.
enum { mapping_count = 4096 };

// A place is free where `start` is 0, and being filled where it is 1.
static struct {
  atomic_uintptr_t start;
  size_t bytes;
  const char *file;
} mappings[mapping_count];

void rf_know_mapping(const void *start, size_t bytes, const char *file) {
  for (int i = 0; i < mapping_count; ++i) {
    uintptr_t empty = 0;
    if (!atomic_compare_exchange_strong(&mappings[i].start, &empty, 1))
      continue;
    mappings[i].bytes = bytes;
    mappings[i].file = file;
    atomic_store(&mappings[i].start, (uintptr_t)start);
    return;
  }
}

void rf_forget_mapping(const void *start) {
  for (int i = 0; i < mapping_count; ++i) {
    if (atomic_load(&mappings[i].start) == (uintptr_t)start) {
      atomic_store(&mappings[i].start, 0);
      return;
    }
  }
}

const char *rf_mapped_file(const void *address) {
  for (int i = 0; i < mapping_count; ++i) {
    const uintptr_t start = atomic_load(&mappings[i].start);
    // Pages are read whole, so an address behind the file's end may be its last page's.
    if (start > 1 && (uintptr_t)address >= start &&
        (uintptr_t)address - start < (mappings[i].bytes + 4095) / 4096 * 4096)
      return mappings[i].file;
  }
  return 0;
}
