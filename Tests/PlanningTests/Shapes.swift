import Planning

/// Workloads and machines of known numbers.
enum Shapes {
  /// A Llama of such sizes, with so many bytes a weight and 2 for each key and value.
  static func llama(
    layers: Int, hidden: Int, intermediate: Int, queryHeads: Int, keyValueHeads: Int,
    vocabulary: Int, bytesPerWeight: Double
  ) -> Workload {
    let headDimension = 128
    func matrix(_ outputs: Int, _ inputs: Int) -> Workload.LinearWeights {
      let elements = Double(outputs * inputs)
      return .init(bytes: elements * bytesPerWeight, flops: 2 * elements, outputs: outputs)
    }
    let queries = queryHeads * headDimension
    let keysAndValues = 2 * keyValueHeads * headDimension
    let layer = Workload.Layer(
      linear: [
        matrix(queries + keysAndValues, hidden), matrix(hidden, queries),
        matrix(2 * intermediate, hidden), matrix(hidden, intermediate),
      ],
      keyValueFlops: 2 * Double(keysAndValues * hidden), queryHeads: queryHeads,
      headDimension: headDimension, keyValueBytes: Double(2 * keysAndValues))
    return Workload(
      tokens: 0, layers: [Workload.Layer](repeating: layer, count: layers),
      head: matrix(vocabulary, hidden))
  }

  /// `configs/llama-90m`, bf16.
  static func llama90M(tokens: Int) -> Workload {
    var workload = llama(
      layers: 8, hidden: 1024, intermediate: 2816, queryHeads: 8, keyValueHeads: 2,
      vocabulary: 4096, bytesPerWeight: 2)
    workload.tokens = tokens
    return workload
  }

  /// `configs/llama-3.1-405b` in FP8, with attention in bf16.
  static func llama405B(tokens: Int) -> Workload {
    var workload = llama(
      layers: 126, hidden: 16384, intermediate: 53248, queryHeads: 128, keyValueHeads: 8,
      vocabulary: 128_256, bytesPerWeight: 1)
    workload.tokens = tokens
    workload.linear = .eightBit
    return workload
  }

  /// One whose figures are easily multiplied: 1 TFLOP/s and 100 GB/s that are reached.
  static func machine(gigabits: Double = 10, latency: Double = 0) -> Machine {
    Machine(
      name: "plain", cores: 8, peaks: .init(bf16: 1000, eightBit: 2000, fp32: 500),
      memoryGBPerSecond: 100, memoryBytes: 64e9,
      link: .init(gigabitsPerSecond: gigabits, latencyMicroseconds: latency),
      efficiency: .init(linear: 1, attention: 1, memory: 1, link: 1))
  }
}

/// Whether a value is within so many percent of what is expected.
func isClose(_ value: Double, _ expected: Double, percent: Double) -> Bool {
  abs(value / expected - 1) <= percent / 100
}
