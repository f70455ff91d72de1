/// The bytes of a safetensors file: the length of `header`, `header`, and `dataCount` bytes 0, 1,
/// 2, …
func safetensors(_ header: String, dataCount: Int) -> [UInt8] {
  withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
    + (0..<dataCount).map { UInt8(truncatingIfNeeded: $0) }
}

/// The header's entry of one tensor.
func entry(_ name: String, _ type: String, _ shape: String, _ begin: Int, _ end: Int) -> String {
  #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
}
