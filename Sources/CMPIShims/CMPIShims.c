#include "CMPIShims.h"

MPI_Comm rf_mpi_comm_world(void) { return MPI_COMM_WORLD; }
MPI_Comm rf_mpi_comm_self(void) { return MPI_COMM_SELF; }
MPI_Comm rf_mpi_comm_null(void) { return MPI_COMM_NULL; }
int rf_mpi_comm_type_shared(void) { return MPI_COMM_TYPE_SHARED; }
int rf_mpi_undefined(void) { return MPI_UNDEFINED; }

MPI_Datatype rf_mpi_byte(void) { return MPI_BYTE; }
MPI_Datatype rf_mpi_int64(void) { return MPI_INT64_T; }
MPI_Datatype rf_mpi_double(void) { return MPI_DOUBLE; }
MPI_Datatype rf_mpi_datatype_null(void) { return MPI_DATATYPE_NULL; }

MPI_Op rf_mpi_sum(void) { return MPI_SUM; }
MPI_Op rf_mpi_min(void) { return MPI_MIN; }
MPI_Op rf_mpi_max(void) { return MPI_MAX; }
MPI_Op rf_mpi_op_null(void) { return MPI_OP_NULL; }

MPI_Request rf_mpi_request_null(void) { return MPI_REQUEST_NULL; }
MPI_Info rf_mpi_info_null(void) { return MPI_INFO_NULL; }
MPI_Errhandler rf_mpi_errors_return(void) { return MPI_ERRORS_RETURN; }
void *rf_mpi_in_place(void) { return MPI_IN_PLACE; }

int rf_mpi_thread_funneled(void) { return MPI_THREAD_FUNNELED; }
int rf_mpi_max_error_string(void) { return MPI_MAX_ERROR_STRING; }
int rf_mpi_max_library_version_string(void) { return MPI_MAX_LIBRARY_VERSION_STRING; }
int rf_mpi_max_processor_name(void) { return MPI_MAX_PROCESSOR_NAME; }
