/// What exchanges among hosts are taken to cost, so that every rank chooses alike, and a run on one
/// cluster as on another: of a network that clusters have at least. Choices change no bits.
public enum HostLink {
  /// Of a message, with the meetings of the ranks on its hosts.
  public static let latencySeconds = 50e-6
  /// 10 Gbit/s.
  public static let bytesPerSecond = 1.25e9
  /// At which a rank reads weights.
  public static let weightBytesPerSecond = 10e9
  /// What a part of a row takes beyond its bytes, where the rest of the row is another host's: memory that
  /// follows is then not what is read next (measured: 12 to 27 ns).
  public static let secondsOfStripe = 25e-9

  /// - Parameters:
  ///   - rounds: messages that wait for each other.
  ///   - bytes: that a host receives.
  static func seconds(rounds: Int, bytes: Int) -> Double {
    Double(rounds) * latencySeconds + Double(bytes) / bytesPerSecond
  }

  /// Whether every host sends what each other wants, all at once, or MPI's reduction is to take
  /// a logarithm of rounds.
  ///
  /// - Parameter bytes: that a host wants, of each other.
  static func isDirectReductionFaster(bytes: Int, hosts: Int) -> Bool {
    secondsOfDirectReduction(bytes: bytes, hosts: hosts)
      <= secondsOfMPIReduction(bytes: bytes, hosts: hosts)
  }

  /// Seconds of a reduction.
  ///
  /// - Parameter bytes: that a host wants, of each other.
  public static func secondsOfReduction(bytes: Int, hosts: Int) -> Double {
    min(
      secondsOfDirectReduction(bytes: bytes, hosts: hosts),
      secondsOfMPIReduction(bytes: bytes, hosts: hosts))
  }

  private static func secondsOfDirectReduction(bytes: Int, hosts: Int) -> Double {
    seconds(rounds: 1, bytes: (hosts - 1) * bytes)
  }

  private static func secondsOfMPIReduction(bytes: Int, hosts: Int) -> Double {
    let levels = Int.bitWidth - max(0, hosts - 1).leadingZeroBitCount
    return seconds(rounds: 2 * levels, bytes: 2 * levels * bytes)
  }

  /// Whether every host sends its part of all sums to each, or only of those that that one adds, which
  /// are gathered then.
  static func isDirectSumFaster(elements: Int, elementBytes: Int, hosts: Int) -> Bool {
    seconds(rounds: 1, bytes: (hosts - 1) * elements * elementBytes)
      <= seconds(rounds: 2, bytes: elements * (elementBytes + 4))
  }

  /// Seconds that sums over hosts take.
  ///
  /// - Parameter elementBytes: of a part of a sum.
  public static func secondsOfSum(elements: Int, elementBytes: Int, hosts: Int) -> Double {
    isDirectSumFaster(elements: elements, elementBytes: elementBytes, hosts: hosts)
      ? seconds(rounds: 1, bytes: (hosts - 1) * elements * elementBytes)
      : seconds(rounds: 2, bytes: elements * (elementBytes + 4))
  }

  /// Seconds that the gathering of so many bytes from all hosts takes.
  public static func secondsOfGathering(bytes: Int) -> Double { seconds(rounds: 1, bytes: bytes) }
}
