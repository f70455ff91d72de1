import Foundation
import SystemPackage

extension Errno {
  /// What `body` gives; where the system refuses something in it, throws what `explanation` makes
  /// of that.
  ///
  /// - Parameter body: throws nothing but an `Errno`, as all functions of swift-system do, which
  ///   their declarations do not say.
  public static func explained<Result, Explanation: Error>(
    _ body: () throws -> Result, by explanation: (Errno) -> Explanation
  ) throws(Explanation) -> Result {
    do {
      return try body()
    } catch let code as Errno {
      throw explanation(code)
    } catch {
      preconditionFailure("\(error) is no error of the system")
    }
  }

  /// What the last failed call of the C library left behind.
  public static var last: Errno { Errno(rawValue: errno) }
}
