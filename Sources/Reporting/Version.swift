import Foundation

/// Which ringflash this is.
public enum Version {
  /// The release, after semantic versioning.
  public static let string = "0.1.0"

  /// The commit of the source checkout, or "unknown".
  ///
  /// The scripts in `launch/` pass it in the environment variable `RINGFLASH_COMMIT`: a plain
  /// `swift build` has no step that could write it into the program.
  public static func commit(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> String {
    guard let commit = environment["RINGFLASH_COMMIT"], !commit.isEmpty else { return "unknown" }
    return commit
  }
}
