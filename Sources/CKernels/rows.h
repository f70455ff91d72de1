// One branch for each number of rows of a microtile, so that the compiler can unroll loops over
// rows.
#pragma once

#include "CKernels.h"

_Static_assert(RF_MICROTILE_ROWS == 12, "RF_FOR_ROWS has a case for each number of rows");

// How far ahead the weights are that are read so many bytes later: where rows are read in part, as
// far in rows.
static inline size_t rf_bytes_ahead(size_t bytes, size_t row_bytes, size_t bytes_read) {
  if (row_bytes == bytes_read || bytes_read == 0)
    return bytes;
  return (bytes + bytes_read - 1) / bytes_read * row_bytes;
}

// Calls `body(rows, ...)` with a constant in place of `rows`, which is 1 to 12.
#define RF_FOR_ROWS(rows, body, ...)                                                               \
  switch (rows) {                                                                                  \
    RF_CASES_6(body, __VA_ARGS__)                                                                  \
    RF_CASES_12(body, __VA_ARGS__)                                                                 \
  }
// The same for 1 to 6.
#define RF_FOR_ROWS_6(rows, body, ...)                                                             \
  switch (rows) { RF_CASES_6(body, __VA_ARGS__) }

// The same for 1 to 4.
#define RF_FOR_ROWS_4(rows, body, ...)                                                             \
  switch (rows) { RF_CASES_4(body, __VA_ARGS__) }

// The same for 1 to 3.
#define RF_FOR_ROWS_3(rows, body, ...)                                                             \
  switch (rows) { RF_CASES_3(body, __VA_ARGS__) }

#define RF_CASE(n, body, ...)                                                                      \
  case n:                                                                                          \
    body(n, __VA_ARGS__);                                                                          \
    break;
#define RF_CASES_3(body, ...)                                                                      \
  RF_CASE(1, body, __VA_ARGS__)                                                                    \
  RF_CASE(2, body, __VA_ARGS__)                                                                    \
  RF_CASE(3, body, __VA_ARGS__)
#define RF_CASES_4(body, ...)                                                                      \
  RF_CASES_3(body, __VA_ARGS__)                                                                    \
  RF_CASE(4, body, __VA_ARGS__)
#define RF_CASES_6(body, ...)                                                                      \
  RF_CASES_4(body, __VA_ARGS__)                                                                    \
  RF_CASE(5, body, __VA_ARGS__)                                                                    \
  RF_CASE(6, body, __VA_ARGS__)
#define RF_CASES_12(body, ...)                                                                     \
  RF_CASE(7, body, __VA_ARGS__)                                                                    \
  RF_CASE(8, body, __VA_ARGS__)                                                                    \
  RF_CASE(9, body, __VA_ARGS__)                                                                    \
  RF_CASE(10, body, __VA_ARGS__)                                                                   \
  RF_CASE(11, body, __VA_ARGS__)                                                                   \
  RF_CASE(12, body, __VA_ARGS__)
