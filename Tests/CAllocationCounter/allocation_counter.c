#define _GNU_SOURCE

#include "CAllocationCounter.h"

#include <features.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#if defined(__GLIBC__) && defined(__LP64__) && !defined(HAS_SANITIZER)

#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// What glibc's own functions are called besides.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

enum { most_addresses = 32 };

static atomic_size_t count;
static void *first[most_addresses];
static atomic_size_t first_depth;

// The model of thread-local storage that itself never allocates.
static __thread bool is_counting __attribute__((tls_model("initial-exec")));

static void note(void) {
  if (!is_counting)
    return;
  if (atomic_fetch_add(&count, 1) > 0)
    return;
  // What looks at the stack may allocate.
  is_counting = false;
  int depth = backtrace(first, most_addresses);
  atomic_store(&first_depth, depth > 0 ? (size_t)depth : 0);
  is_counting = true;
}

void *malloc(size_t size) {
  note();
  return __libc_malloc(size);
}

void *calloc(size_t elements, size_t size) {
  note();
  return __libc_calloc(elements, size);
}

void *realloc(void *memory, size_t size) {
  note();
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
    return EINVAL;
  }
  void *allocated = memalign(alignment, size);
  if (allocated == NULL)
    return ENOMEM;
  *memory = allocated;
  return 0;
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
  note();
  return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int file, off64_t offset) {
  return mmap(address, length, protection, flags, file, offset);
}

bool allocation_counter_is_available(void) { return true; }

void allocation_counter_begin(void) { is_counting = true; }

void allocation_counter_end(void) { is_counting = false; }

size_t allocation_counter_count(void) { return atomic_load(&count); }

char **allocation_counter_first(size_t *depth) {
  *depth = atomic_load(&first_depth);
  return *depth > 0 ? backtrace_symbols(first, (int)*depth) : NULL;
}

void allocation_counter_reset(void) {
  // The first use of backtrace loads a library.
  void *unused[1];
  backtrace(unused, 1);
  atomic_store(&first_depth, 0);
  atomic_store(&count, 0);
}

#else

bool allocation_counter_is_available(void) { return false; }

void allocation_counter_begin(void) {}

void allocation_counter_end(void) {}

size_t allocation_counter_count(void) { return 0; }

char **allocation_counter_first(size_t *depth) {
  *depth = 0;
  return NULL;
}

void allocation_counter_reset(void) {}

#endif
