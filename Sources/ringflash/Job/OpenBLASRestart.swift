import Foundation
import Kernels

/// Starts this program anew, in the same process, if OpenBLAS has chosen kernels that do not suit
/// the CPU: it can be told only before it is loaded. Nothing has been read or started yet, so
/// nobody notices.
func restartWithSuitedOpenBLAS() {
  guard getenv(OpenBLASCore.variable) == nil,
    let core = OpenBLASCore.override(
      chosen: OpenBLASCore.name, available: InstructionSet.available)
  else { return }
  setenv(OpenBLASCore.variable, core, 1)
  var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
  execv("/proc/self/exe", &arguments)
  // Where that is not possible, slower kernels still give right results.
}
