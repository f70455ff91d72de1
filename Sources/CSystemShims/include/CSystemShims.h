// What Swift cannot call or must not do itself: functions of the system that it does not see, and
// the work of signal handlers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A new empty file in memory, without a name in any directory; -1 and errno where there is none to
// be had.
int rf_memory_file(void);

// Gives threads that are started without a size of their own so much stack; an error code or 0.
int rf_set_default_stack(size_t bytes);

// Has all threads allocate from one place. Else each gets one of its own, of 64 MB of address
// space.
void rf_share_arena(void);

// Signals are handled from before `main` on: SIGTERM, SIGUSR1 and SIGINT, by which people and batch
// systems end a job early (unless they are ignored, as a shell has its background jobs ignore what
// is typed in the terminal), and the signals of a crash: SIGSEGV, SIGBUS, SIGFPE, SIGABRT and
// SIGQUIT. Until somebody waits for events, the handler itself says in one line what happened and
// ends the process. A process whose rank is not 0 leaves the word to rank 0, which its launcher
// ends, too.

// Why the process is to end.
typedef struct {
  // The signal.
  int number;
  // Whether it asks for an early end, and is no crash's.
  bool asks_for_end;
  // The process that sent it; 0 where nobody did.
  int sender;
  // Of SIGBUS: the name of the mapped file that could not be read; null for all else.
  const char *file;
} rf_event;

// From now on, handlers leave it to who waits for events to say what happened and to end the
// process.
void rf_begin_events(void);
// Waits for the next event. For one thread.
rf_event rf_wait_for_event(void);
// All work is done, and has this exit code: where it is 0, the process ends by itself at a signal
// that asks for it, else at once without a word, for all is said.
void rf_end_events(int exit_code);

// Whether a signal that asks for an early end is kept for `rf_caught_signal` instead of being an
// event; a second one of a kind, a second or more after the first, ends the process. One that is
// still kept when this is set back becomes an event.
void rf_keep_signals(bool keep);
// The last signal that asks for an early end, 0 if there was none.
int rf_caught_signal(void);

// Has a SIGBUS in this memory name the file, whose name must stay until `rf_forget_mapping`.
void rf_know_mapping(const void *start, size_t bytes, const char *file);
void rf_forget_mapping(const void *start);

// Sleeps while a number in memory that processes share has this value, until one of them calls
// `rf_wake`, or so many nanoseconds, less than a second; may return early.
void rf_sleep_while(void *number, uint32_t value, long nanoseconds);
void rf_wake(void *number, int sleepers);

// Tells the CPU that this is a loop that waits for another core.
static inline void rf_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}
