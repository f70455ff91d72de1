#pragma once

// The file that is mapped at this address, null where none is known. A signal handler may call it.
const char *rf_mapped_file(const void *address);
