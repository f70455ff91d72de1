// What the MPI standard defines as macros, as functions, so that Swift can see it and so that it
// does not matter whether an MPI library's handles are pointers (Open MPI) or integers (MPICH).
#pragma once

#include <mpi.h>

MPI_Comm rf_mpi_comm_world(void);
MPI_Comm rf_mpi_comm_self(void);
MPI_Comm rf_mpi_comm_null(void);
int rf_mpi_comm_type_shared(void);
int rf_mpi_undefined(void);

MPI_Datatype rf_mpi_byte(void);
MPI_Datatype rf_mpi_int64(void);
MPI_Datatype rf_mpi_double(void);
MPI_Datatype rf_mpi_datatype_null(void);

MPI_Op rf_mpi_sum(void);
MPI_Op rf_mpi_min(void);
MPI_Op rf_mpi_max(void);
MPI_Op rf_mpi_op_null(void);

MPI_Request rf_mpi_request_null(void);
MPI_Info rf_mpi_info_null(void);
MPI_Errhandler rf_mpi_errors_return(void);
void *rf_mpi_in_place(void);

int rf_mpi_thread_funneled(void);
int rf_mpi_max_error_string(void);
int rf_mpi_max_library_version_string(void);
int rf_mpi_max_processor_name(void);

// What MPI_Op_create takes: combines `*count` elements of the type `*datatype` of `incoming` into
// `accumulated`.
typedef void (*rf_mpi_reduction)(void *incoming, void *accumulated, int *count,
                                 MPI_Datatype *datatype);

// Has `say` called when this process ends by exit() or _exit(), until it is set to null; it may end
// the process by _exit() itself.
void rf_mpi_set_last_word(void (*say)(void));
