import Files
import Foundation
import ModelFiles
import TestSupport
import Testing

struct SafetensorsWriterTests {
  @Test func whatIsWrittenIsReadBackAligned() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/out.safetensors"
    let names = ["bytes", "half", "single \"quoted\" / é", "double", "none", "scalar"]
    let tensors = [
      Tensor(
        name: names[0], elementType: .unsignedInteger8, shape: [3], copying: [1, 2, 3] as [UInt8]),
      Tensor(
        name: names[1], elementType: .bfloat16, shape: [1, 3], copying: [4, 5, 6] as [UInt16]),
      Tensor(name: names[2], elementType: .float32, shape: [2, 1], copying: [0.5, -1] as [Float]),
      Tensor(name: names[3], elementType: .float64, shape: [1], copying: [0.25]),
      Tensor(name: names[4], elementType: .float32, shape: [0, 7], copying: [Float]()),
      Tensor(name: names[5], elementType: .float32, shape: [], copying: [7 as Float]),
    ]
    for subset in 0..<(1 << tensors.count) {
      let written = tensors.indices.filter { subset >> $0 & 1 == 1 }.map { tensors[$0] }
      try SafetensorsWriter.write(written, metadata: ["format": "pt", "k": "\n"], to: path)
      let file = try SafetensorsFile(path: path)
      #expect(Set(file.names) == Set(written.map(\.name)), "subset \(subset)")
      #expect(file.metadata == ["format": "pt", "k": "\n"])
      for tensor in written {
        let read = try #require(file.tensor(named: tensor.name))
        #expect(read.elementType == tensor.elementType)
        #expect(read.shape == tensor.shape)
        #expect(read.bytes.elementsEqual(tensor.bytes), "\(tensor.name) in subset \(subset)")
        #expect(read.owner is MappedFile, "\(tensor.name) in subset \(subset) is not aligned")
      }
    }
    #expect(try directory.contents() == ["out.safetensors"])
    let start = try Data(contentsOf: URL(fileURLWithPath: path)).prefix(8)
    #expect(start[0] % 8 == 0, "the header is padded")
  }

  @Test func rowsAreAppendedUntilTheEndIsKnown() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/logits.safetensors"
    for rows in [0, 1, 2, 1000] {
      let writer = try SafetensorsRowWriter(
        path: path, name: "logits", elementType: .float32, rowShape: [5], metadata: ["a": "b"])
      var expected: [Float] = []
      for row in 0..<rows {
        let elements = (0..<5).map { Float(row * 5 + $0) }
        expected += elements
        if row % 2 == 0 {
          try writer.append(elements)
        } else {
          try elements.withUnsafeBytes { try writer.append($0) }
        }
      }
      #expect(writer.rows == rows)
      try writer.finish()
      let file = try SafetensorsFile(path: path)
      #expect(file.names == ["logits"])
      #expect(file.metadata == ["a": "b"])
      let tensor = try #require(file.tensor(named: "logits"))
      #expect(tensor.shape == [rows, 5])
      #expect(tensor.owner is MappedFile)
      #expect(tensor.bytes.elementsEqual(expected.withUnsafeBytes { Array($0) }), "\(rows) rows")
    }
  }

  @Test func aReaderSeesTheOldFileUntilTheNewOneIsWhole() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("logits.safetensors", "old")
    do {
      let writer = try SafetensorsRowWriter(
        path: path, name: "logits", elementType: .float32, rowShape: [1])
      try writer.append([1])
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
    }
    // The writer was dropped unfinished.
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
    #expect(try directory.contents() == ["logits.safetensors"])
  }

  @Test func writeErrorsAreThrownAndLeaveNothing() throws {
    let directory = try TemporaryDirectory()
    let tensor = Tensor(name: "t", elementType: .float32, shape: [1], copying: [1 as Float])
    let file = try directory.write("file", "x")
    for path in [directory.path + "/missing/t", file + "/t", directory.path, "/dev/null"] {
      expectError(.writeFailed, naming: [path]) { try SafetensorsWriter.write([tensor], to: path) }
    }
    let path = directory.path + "/late"
    let writer = try SafetensorsRowWriter(
      path: path, name: "logits", elementType: .float32, rowShape: [1])
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    expectError(.writeFailed, naming: [path]) { try writer.finish() }
    withExtendedLifetime(writer) {}
  }

  @Test func aNameWithoutDirectoryIsWrittenToTheCurrentOne() throws {
    let name = "ringflash-\(UInt64.random(in: 0 ... .max)).safetensors"
    let tensor = Tensor(name: "t", elementType: .float32, shape: [1], copying: [1 as Float])
    try SafetensorsWriter.write([tensor], to: name)
    defer { try? FileManager.default.removeItem(atPath: name) }
    #expect(try SafetensorsFile(path: name).names == ["t"])
  }
}
