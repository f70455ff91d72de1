import Foundation
import ModelFiles
import TestSupport

/// Writes a model directory of 4 layers with random weights, 6 query heads on 2 KV heads, layers
/// with and without RoPE and a sliding window, and no tokenizer.
///
/// The values are such as BF16 and F16 both have, so that `type`, one of these or F32, changes
/// nothing but how they are written.
func writeRandomModel(
  to path: String, type: TensorElementType = .bfloat16, overwrite: Bool = false,
  change: (inout [String: Any]) -> Void = { _ in }
) throws {
  let model = try RandomModel(RandomModel.sampleConfiguration(), seed: 7)
  var settings = model.configuration.settings
  change(&settings)
  try ModelDirectory.write(
    to: path, configuration: JSONSerialization.data(withJSONObject: settings),
    tensors: model.tensors.map { $0.asHalves.converted(to: type) }, overwrite: overwrite)
}
