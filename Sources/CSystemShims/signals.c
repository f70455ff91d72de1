#define _GNU_SOURCE

#include "CSystemShims.h"

#include <signal.h>
#include <stdatomic.h>
#include <time.h>

// A batch system and an MPI launcher may both pass on what was one signal.
static const long long same_signal_nanoseconds = 1000000000;

static const int caught_signals[] = {SIGTERM, SIGUSR1, SIGINT};
enum { caught_signal_count = sizeof(caught_signals) / sizeof(caught_signals[0]) };

static atomic_int last_signal;
// When each came first, 0 if it has not.
static atomic_llong first_times[caught_signal_count];

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec + 1;
}

static void on_signal(int number) {
  atomic_store(&last_signal, number);
  for (int i = 0; i < caught_signal_count; ++i) {
    if (caught_signals[i] != number)
      continue;
    long long first = 0;
    const long long time = now();
    if (atomic_compare_exchange_strong(&first_times[i], &first, time))
      return;
    if (time - first < same_signal_nanoseconds)
      return;
    signal(number, SIG_DFL);
    raise(number); // is delivered when this returns
  }
}

void rf_catch_signals(void) {
  for (int i = 0; i < caught_signal_count; ++i) {
    struct sigaction before, action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    // A shell has its background jobs ignore what is typed in the terminal.
    if (sigaction(caught_signals[i], 0, &before) == 0 && before.sa_handler == SIG_IGN)
      continue;
    sigaction(caught_signals[i], &action, 0);
  }
}

void rf_release_signals(void) {
  for (int i = 0; i < caught_signal_count; ++i) {
    struct sigaction present;
    if (sigaction(caught_signals[i], 0, &present) == 0 && present.sa_handler == on_signal)
      signal(caught_signals[i], SIG_DFL);
  }
  const int number = atomic_load(&last_signal);
  if (number)
    raise(number);
}

int rf_caught_signal(void) { return atomic_load_explicit(&last_signal, memory_order_relaxed); }
