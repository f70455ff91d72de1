// What Swift cannot call or must not do itself: functions of the system that it does not see, and
// the work of a signal handler.
#pragma once

#include <stddef.h>

// A new empty file in memory, without a name in any directory; -1 and errno where there is none to
// be had.
int rf_memory_file(void);

// Gives threads that are started without a size of their own so much stack; an error code or 0.
int rf_set_default_stack(size_t bytes);

// Has all threads allocate from one place. Else each gets one of its own, of 64 MB of address
// space.
void rf_share_arena(void);

// Has SIGTERM, SIGUSR1 and SIGINT kept instead of ending the process; a second one of a kind, a
// second or more after the first, ends it. One that is ignored stays so.
void rf_catch_signals(void);
// Lets them end the process again, at once if one was caught.
void rf_release_signals(void);
// The last signal that was caught, 0 if there was none.
int rf_caught_signal(void);

// Tells the CPU that this is a loop that waits for another core.
static inline void rf_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}
