// Counts allocations of memory in the process that this is linked into, which is that of the tests.
//
// The functions that allocate are defined here and call those of the C library, so every library of
// the process counts. What is counted is what threads do between a begin and an end of their own.

#pragma once

#include <stdbool.h>
#include <stddef.h>

// Whether allocations can be counted: with glibc and without a sanitizer, which has an allocator of
// its own.
bool allocation_counter_is_available(void);

// From now on, allocations and mappings of the calling thread are counted, until the end.
void allocation_counter_begin(void);
void allocation_counter_end(void);

// How many there were on all threads since the last reset.
size_t allocation_counter_count(void);

// The functions on the stack at the first of them, innermost first; their number goes to depth.
//
// The list is freed by the caller; NULL if nothing was counted.
char **allocation_counter_first(size_t *depth);

void allocation_counter_reset(void);
