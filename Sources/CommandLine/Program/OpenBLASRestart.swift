import Foundation
import Kernels

/// Starts this program anew, in the same process, if OpenBLAS is to multiply and has chosen kernels
/// that do not suit the CPU: it can be told only before it is loaded. Nothing has been read or started
/// yet, so nobody notices.
package func restartWithSuitedOpenBLAS() {
  let selected = try? InstructionSet.selected(environment: ProcessInfo.processInfo.environment)
  guard selected == .portable, getenv(OpenBLASCore.variable) == nil,
    let chosen = try? OpenBLAS.loaded().coreName,
    let core = OpenBLASCore.override(chosen: chosen, available: InstructionSet.available)
  else { return }
  setenv(OpenBLASCore.variable, core, 1)
  // By its own path: started as /proc/self/exe, the process would be listed under the name `exe`.
  guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  else { return }
  execv(path, Swift.CommandLine.unsafeArgv)
  // Where that is not possible, slower kernels still give right results.
}
