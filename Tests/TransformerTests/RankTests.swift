import TestSupport
import Testing

/// All tests of this module that call MPI; see `EndsOnTime`.
@Suite(.serialized, .endsOnTime)
@MPIThread enum RankTests {}
