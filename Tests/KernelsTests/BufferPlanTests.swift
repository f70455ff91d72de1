import Kernels
import Testing

@Suite struct BufferPlanTests {
  /// What is counted is what is taken, and no buffer reaches into another one.
  @Test func buffersLieSideBySideInWhatWasCounted() {
    var plan = BufferPlan()
    let bytes = plan.add(3, 11, of: UInt8.self)
    let none = plan.add(5, 0, of: Float.self)
    let floats = plan.add(7, 9, of: Float.self)
    let doubles = plan.add(1, of: Double.self)
    #expect([bytes.count, none.count, floats.count, doubles.count] == [33, 0, 63, 1])
    #expect(plan.bytes >= 33 + 63 * 4 + 8 && plan.bytes < 33 + 63 * 4 + 8 + 4 * 64)

    let memory = Buffers(plan)
    #expect(memory.bytes == plan.bytes)
    let start = UInt(bitPattern: memory[bytes])
    let places = [
      (UInt(bitPattern: memory[bytes]), 33), (UInt(bitPattern: memory[floats]), 63 * 4),
      (UInt(bitPattern: memory[doubles]), 8),
    ]
    for (place, next) in zip(places, places.dropFirst()) {
      #expect(place.0 % 64 == 0 && place.0 + UInt(place.1) <= next.0)
    }
    #expect(places[2].0 + 8 <= start + UInt(plan.bytes))
    #expect((0..<63).allSatisfy { memory[floats][$0] == 0 }, "memory is zero when it is new")
    memory[bytes].update(repeating: 255, count: 33)
    #expect(memory[floats][0] == 0 && memory[doubles][0] == 0)
  }

  /// Sizes that no host has are counted without an overflow, also those of many ranks together.
  @Test func absurdSizesAreCounted() {
    var plan = BufferPlan()
    for _ in 0..<8 { _ = plan.add(.max, .max, .max, of: Double.self) }
    #expect(plan.bytes >= 1 << 48 && plan.bytes < 1 << 56)
  }
}
