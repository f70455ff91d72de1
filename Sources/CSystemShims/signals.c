#define _GNU_SOURCE

#include "CSystemShims.h"
#include "mappings.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// A batch system and an MPI launcher may both pass on what was one signal.
static const long long same_signal_nanoseconds = 1000000000;
// What rank 0 takes to speak for all, and to end them.
static const long silence_nanoseconds = 300000000;

static const int ending_signals[] = {SIGTERM, SIGUSR1, SIGINT};
enum { ending_count = sizeof(ending_signals) / sizeof(ending_signals[0]) };
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGQUIT};
enum { crash_count = sizeof(crash_signals) / sizeof(crash_signals[0]) };

// After `sysexits.h`, as the program's other exit codes.
enum { exit_internal = 70, exit_input_output = 74, exit_interrupted = 75 };

// What a handler does with what asks for an end.
enum { ENDS_PROCESS, MAKES_EVENT, KEEPS };
static atomic_int manner;
static atomic_bool work_is_done;
static atomic_int final_code;

static atomic_int last_signal;
static atomic_int last_sender;
// When each came first, 0 if it has not.
static atomic_llong first_times[ending_count];

static sem_t events;
// The first crash: a signal's number, then what it is.
static atomic_int crash;
static rf_event crash_event;
static atomic_bool crash_is_known;

static bool speaks_late;
static char host[256];

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec + 1;
}

static const char *name(int number) {
  switch (number) {
  case SIGTERM:
    return "SIGTERM";
  case SIGUSR1:
    return "SIGUSR1";
  case SIGINT:
    return "SIGINT";
  case SIGSEGV:
    return "SIGSEGV";
  case SIGBUS:
    return "SIGBUS";
  case SIGFPE:
    return "SIGFPE";
  case SIGABRT:
    return "SIGABRT";
  default:
    return "SIGQUIT";
  }
}

// One line on standard error, of these parts; in one write, so that it stays whole.
static void say(const char *const *parts) {
  char line[6000] = "ringflash: error: ";
  size_t length = strlen(line);
  for (; *parts; ++parts) {
    for (const char *p = *parts; *p && length < sizeof(line) - 1; ++p)
      line[length++] = (unsigned char)*p < ' ' ? '?' : *p;
  }
  line[length++] = '\n';
  if (write(STDERR_FILENO, line, length) < 0) {
    // There is nobody to tell.
  }
}

// By the kernel: `_exit` may be somebody else's here, who has a last word of their own.
_Noreturn static void end_process(int code) {
  for (;;)
    syscall(SYS_exit_group, code);
}

static void let_rank_0_speak(void) {
  if (!speaks_late)
    return;
  struct timespec rest = {0, silence_nanoseconds};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

static void on_ending_signal(int number, siginfo_t *information, void *context) {
  (void)context;
  const int code = errno;
  const int sender = information->si_code <= 0 ? information->si_pid : 0;
  atomic_store(&last_sender, sender);
  atomic_store(&last_signal, number);
  // A launcher ends the other ranks when the first one ends with such a code.
  if (atomic_load(&final_code))
    end_process(atomic_load(&final_code));
  // Behind the work the process ends by itself, and with what it has done.
  if (atomic_load(&manner) == ENDS_PROCESS && !atomic_load(&work_is_done)) {
    // The launcher then ends rank 0, too, which speaks for all.
    if (speaks_late)
      end_process(exit_interrupted);
    say((const char *const[]){"interrupted by ", name(number),
                              " before the work began; start the job again", 0});
    end_process(exit_interrupted);
  }
  if (atomic_load(&manner) == MAKES_EVENT)
    sem_post(&events);
  for (int i = 0; i < ending_count; ++i) {
    if (ending_signals[i] != number)
      continue;
    long long first = 0;
    const long long time = now();
    if (!atomic_compare_exchange_strong(&first_times[i], &first, time) &&
        time - first >= same_signal_nanoseconds) {
      signal(number, SIG_DFL);
      raise(number); // is delivered when this returns
    }
  }
  errno = code;
}

// The process has failed itself: it says so, and dies by the signal, which leaves what a debugger
// wants and has the launcher end the others.
static void die(int number) {
  // What a library does while it ends takes nothing from what was done.
  if (atomic_load(&work_is_done))
    end_process(atomic_load(&final_code));
  say((const char *const[]){"this process on ", host, " crashed (", name(number),
                            "), by a fault of ringflash or of a library; please report it", 0});
  signal(number, SIG_DFL);
  raise(number); // is delivered when the handler returns
}

static void on_crash_signal(int number, siginfo_t *information, void *context) {
  (void)context;
  const int code = errno;
  // Sent by a process, as against raised by the processor for what this process did.
  const bool is_sent = information->si_code <= 0;
  const int sender = is_sent ? information->si_pid : 0;
  const char *file = number == SIGBUS && !is_sent ? rf_mapped_file(information->si_addr) : 0;
  if (!file && (!is_sent || sender == getpid())) {
    die(number);
    return;
  }
  int none = 0;
  const bool is_first = atomic_compare_exchange_strong(&crash, &none, number);
  if (is_first) {
    crash_event = (rf_event){.number = number, .sender = sender, .file = file};
    atomic_store(&crash_is_known, true);
  }
  if (atomic_load(&manner) == ENDS_PROCESS) {
    if (!is_first)
      for (;;)
        pause();
    let_rank_0_speak();
    if (file)
      say((const char *const[]){file,
                                ": was cut short or could not be read while it was in use, on ",
                                host, "; start the job again when it is whole", 0});
    else
      say((const char *const[]){"this process on ", host, " was ended by ", name(number),
                                " from outside", 0});
    end_process(file ? exit_input_output : exit_internal);
  }
  sem_post(&events);
  // What could not be read must not be computed with.
  if (file)
    for (;;)
      pause();
  errno = code;
}

void rf_begin_events(void) { atomic_store(&manner, MAKES_EVENT); }

rf_event rf_wait_for_event(void) {
  for (;;) {
    while (sem_wait(&events) != 0) {
    }
    if (atomic_load(&crash_is_known))
      return crash_event;
    if (atomic_load(&manner) == MAKES_EVENT && atomic_load(&last_signal))
      return (rf_event){.number = atomic_load(&last_signal),
                        .asks_for_end = true,
                        .sender = atomic_load(&last_sender)};
  }
}

void rf_keep_signals(bool keep) {
  int before = keep ? MAKES_EVENT : KEEPS;
  atomic_compare_exchange_strong(&manner, &before, keep ? KEEPS : MAKES_EVENT);
  if (!keep && atomic_load(&last_signal))
    sem_post(&events);
}

void rf_end_events(int exit_code) {
  atomic_store(&final_code, exit_code);
  atomic_store(&work_is_done, true);
  atomic_store(&manner, ENDS_PROCESS);
}

int rf_caught_signal(void) { return atomic_load_explicit(&last_signal, memory_order_relaxed); }

static void handle_signals(int argc, char **argv, char **environment) {
  (void)argc;
  (void)argv;
  for (char **entry = environment; *entry; ++entry) {
    // As launchers call the rank.
    static const char *const names[] = {
        "OMPI_COMM_WORLD_RANK=", "PMIX_RANK=", "PMI_RANK=", "SLURM_PROCID="};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); ++i) {
      const size_t length = strlen(names[i]);
      if (strncmp(*entry, names[i], length) == 0 && strcmp(*entry + length, "0") != 0)
        speaks_late = true;
    }
  }
  gethostname(host, sizeof(host) - 1);
  sem_init(&events, 0, 0);
  // A stack of its own, for a crash of the first thread because its stack is full.
  static char stack[65536];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, 0);
  for (int i = 0; i < ending_count; ++i) {
    struct sigaction before,
        action = {.sa_sigaction = on_ending_signal, .sa_flags = SA_RESTART | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    if (sigaction(ending_signals[i], 0, &before) == 0 && before.sa_handler == SIG_IGN)
      continue;
    sigaction(ending_signals[i], &action, 0);
  }
  for (int i = 0; i < crash_count; ++i) {
    struct sigaction action = {.sa_sigaction = on_crash_signal,
                               .sa_flags = SA_RESTART | SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(crash_signals[i], &action, 0);
  }
}

// Before the libraries' own beginnings, some of which take long or start threads.
__attribute__((section(".preinit_array"),
               used)) static void (*const before_libraries)(int, char **, char **) = handle_signals;
