import Kernels
import MPI

extension HostExchange {
  /// How sums over hosts are exchanged; made once, so that an exchange takes no memory.
  public final class SumPlan {
    fileprivate let elements: Int
    /// Float64 of an element: its value, and the rest that rounding lost where it is kept.
    fileprivate let width: Int
    /// By host: the elements that it adds; all where each adds all.
    fileprivate let added: [Range<Int>]
    fileprivate let isDirect: Bool
    fileprivate let parts: AllToAllPlan?
    fileprivate let gathering: AllGatherPlan<Double>?
    fileprivate let roundedGathering: AllGatherPlan<Float>?
    /// `[elements]`: the sums, rounded.
    fileprivate let rounded: UnsafeMutableBufferPointer<Float>

    deinit { rounded.deallocate() }

    fileprivate init(elements: Int, width: Int, own: Int, hosts: Int, isLeader: Bool) throws {
      (self.elements, self.width) = (elements, width)
      isDirect = HostLink.isDirectSumFaster(
        elements: elements, elementBytes: 8 * width, hosts: hosts)
      rounded = .allocate(capacity: elements)
      let shares = (0..<hosts).map { elements * $0 / hosts..<elements * ($0 + 1) / hosts }
      added = isDirect ? shares.map { _ in 0..<elements } : shares
      guard isLeader else {
        (parts, gathering, roundedGathering) = (nil, nil, nil)
        return
      }
      gathering =
        isDirect ? try AllGatherPlan(counts: shares.map { _ in elements * width }) : nil
      roundedGathering = isDirect ? nil : try AllGatherPlan(counts: shares.map(\.count))
      let count = shares[own].count
      parts =
        isDirect
        ? nil
        : try AllToAllPlan(
          sent: shares, received: (0..<hosts).map { $0 * count..<($0 + 1) * count },
          elementBytes: 8 * width)
    }

    /// Bytes of what a host has itself, and of what it receives.
    fileprivate func bytes(own: Int, hosts: Int) -> (given: Int, received: Int) {
      let element = 8 * width
      return (isDirect ? 0 : elements * element, hosts * added[own].count * element)
    }
  }

  /// - Parameters:
  ///   - elements: to be summed.
  ///   - keepsRests: whether each has the rest that its rounding lost.
  /// - Throws: `MPIError`.
  public func sumPlan(elements: Int, keepsRests: Bool) throws -> SumPlan {
    let plan = try SumPlan(
      elements: elements, width: keepsRests ? 2 : 1, own: host, hosts: hostCount,
      isLeader: leaders != nil)
    if leaders != nil {
      let bytes = plan.bytes(own: host, hosts: hostCount)
      reserve(bytes.given + bytes.received)
    }
    return plan
  }

  /// Sums over hosts what each host's ranks together have put at their `part`s, and rounds the sums once.
  ///
  /// - Parameters:
  ///   - arrange: copies a rank's part to its place among all elements, `[elements]` of a value and, where
  ///     they are kept, its rest.
  ///   - read: is given the sums, `[elements]`.
  /// - Throws: `MPIError`.
  public func sum(
    _ plan: SumPlan,
    arrange: (_ rank: Int, _ part: UnsafeRawPointer, _ elements: UnsafeMutablePointer<Double>) ->
      Void, read: (UnsafePointer<Float>) -> Void
  ) throws {
    exchanges += 1
    exchangesAmongHosts += 1
    defer { half = 1 - half }
    gate.meet()
    if let leaders {
      let (width, own) = (plan.width, plan.added[host])
      let others = UnsafeMutableRawPointer(
        received.pointer + plan.bytes(own: host, hosts: hostCount).given
      ).assumingMemoryBound(to: Double.self)
      let stride = own.count * width
      let given =
        plan.isDirect
        ? others + host * stride
        : UnsafeMutableRawPointer(received.pointer).assumingMemoryBound(to: Double.self)
      for (number, rank) in ranksOfHost.enumerated() { arrange(rank, slot(of: number), given) }
      if let gathering = plan.gathering {
        try leaders.allGatherInPlace(
          UnsafeMutableBufferPointer(start: others, count: hostCount * stride), plan: gathering)
        bytesAmongHosts += (hostCount - 1) * stride * 8
      } else {
        try leaders.allToAll(given, into: others, plan: plan.parts!)
        bytesAmongHosts += (plan.elements - own.count) * width * 8
      }
      add(others, stride: stride, width: width, into: plan.rounded.baseAddress! + own.lowerBound)
      if let roundedGathering = plan.roundedGathering {
        try leaders.allGatherInPlace(plan.rounded, plan: roundedGathering)
        bytesAmongHosts += (hostCount - 1) * own.count * 4
      }
    }
    share(UnsafeMutableRawBufferPointer(plan.rounded))
    read(plan.rounded.baseAddress!)
  }

  /// Adds the hosts' parts in their order, each of `stride` Float64, in the first one's place.
  private func add(
    _ parts: UnsafeMutablePointer<Double>, stride: Int, width: Int,
    into rounded: UnsafeMutablePointer<Float>
  ) {
    let count = stride / width
    for host in 1..<hostCount {
      let part = parts + host * stride
      if width == 1 {
        for index in 0..<count { parts[index] += part[index] }
      } else {
        for index in 0..<count {
          let (sum, lost) = twoSum(parts[2 * index], part[2 * index])
          parts[2 * index] = sum
          parts[2 * index + 1] += part[2 * index + 1] + lost
        }
      }
    }
    for index in 0..<count {
      rounded[index] =
        width == 1 ? Float(parts[index]) : Float(parts[2 * index] + parts[2 * index + 1])
    }
  }
}
