import Kernels
import Testing

struct AlignedBufferTests {
  @Test(arguments: [0, 1, 7, 4096, 1_000_003])
  func isAlignedAndZero(count: Int) {
    let buffer = AlignedBuffer<Float>(count: count)
    #expect(buffer.count == count)
    #expect(buffer.bytes == 4 * count)
    #expect(buffer.elements.count == count)
    #expect(UInt(bitPattern: buffer.pointer) % 4096 == 0)
    #expect(buffer.elements.allSatisfy { $0.bitPattern == 0 })
    for index in buffer.elements.indices { buffer.pointer[index] = Float(index) }
    #expect(buffer.elements.last ?? 0 == Float(max(count - 1, 0)))
  }

  @Test func reservesWithoutTakingPages() {
    let buffer = AlignedBuffer<UInt8>(count: 1 << 40)
    buffer.pointer[1 << 39] = 1
    #expect(buffer.pointer[1 << 39] == 1)
  }
}
