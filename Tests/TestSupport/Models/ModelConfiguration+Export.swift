import Transformer

extension ModelConfiguration {
  /// As a model's files say it, also a built-in one's: how it is run is nothing that they know of.
  package var asExported: ModelConfiguration {
    var configuration = self
    configuration.runsLastLayerWhole = false
    return configuration
  }
}
