#define _GNU_SOURCE

#include "CSystemShims.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void rf_sleep_while(void *number, uint32_t value, long nanoseconds) {
  const struct timespec timeout = {0, nanoseconds};
  syscall(SYS_futex, number, FUTEX_WAIT, value, &timeout, NULL, 0);
}

void rf_wake(void *number, int sleepers) {
  syscall(SYS_futex, number, FUTEX_WAKE, sleepers, NULL, NULL, 0);
}
