import Foundation

/// Bytes in words, such as "12.3 GB" or "0.6 MB".
public func decimalSize(_ bytes: Int) -> String {
  bytes < 1_000_000_000
    ? String(format: "%.1f MB", Double(bytes) / 1e6)
    : String(format: "%.1f GB", Double(bytes) / 1e9)
}
