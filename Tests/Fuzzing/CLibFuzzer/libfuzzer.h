// The entry of libFuzzer for programs that have a main function of their own, which compiler-rt
// ships without a header.
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv,
                        int (*test)(const uint8_t *_Nullable data, size_t size));
