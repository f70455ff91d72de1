import Foundation
import Kernels

/// Blocks of one format and the numbers that they stand for; see `Fixtures/make_formats.py`.
struct BlockFixture {
  let format: WeightFormat
  let count: Int
  private let blocks: [UInt8]
  private let numbers: [Float]

  init(_ format: WeightFormat) throws {
    self.format = format
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/formats")
    let file = folder.appendingPathComponent(format.name)
    blocks = Array(try Data(contentsOf: file.appendingPathExtension("blocks")))
    let bytes = try Data(contentsOf: file.appendingPathExtension("f32"))
    numbers = bytes.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map {
        let bits = bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)
        return Float(bitPattern: UInt32(littleEndian: bits))
      }
    }
    count = blocks.count / format.bytesPerBlock
    precondition(count > 0 && numbers.count == count * format.elementsPerBlock)
  }

  /// Of block `index`, counted round and round.
  private func bytes(_ index: Int) -> ArraySlice<UInt8> {
    blocks[(index % count) * format.bytesPerBlock..<(index % count + 1) * format.bytesPerBlock]
  }

  private func floats(_ index: Int) -> ArraySlice<Float> {
    let size = format.elementsPerBlock
    return numbers[(index % count) * size..<(index % count + 1) * size]
  }

  /// Rows of blocks, of which each begins with another one, right before memory that nobody may read,
  /// and their numbers.
  func rows(_ rows: Int, blocks: Int) -> (matrix: WeightMatrix, numbers: [[Float]]) {
    let all = (0..<rows).map { row in (0..<blocks).map { 7 * row + $0 } }
    let memory = GuardedMemory(all.joined().flatMap(bytes))
    let matrix = WeightMatrix(
      outputs: rows, inputs: blocks * format.elementsPerBlock, format: format,
      elements: memory.start, owner: memory)
    return (matrix, all.map { $0.flatMap(floats) })
  }
}

/// Bytes that end where a page begins that nobody may read.
final class GuardedMemory {
  let start: UnsafeRawPointer
  private let pages: UnsafeMutableRawPointer
  private let mappedBytes: Int

  init(_ bytes: [UInt8]) {
    let page = Int(getpagesize())
    let used = (bytes.count + page - 1) / page * page
    mappedBytes = used + page
    pages = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    precondition(pages != MAP_FAILED && mprotect(pages + used, page, PROT_NONE) == 0)
    let first = pages + (used - bytes.count)
    bytes.withUnsafeBytes { first.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    start = UnsafeRawPointer(first)
  }

  deinit { munmap(pages, mappedBytes) }
}
