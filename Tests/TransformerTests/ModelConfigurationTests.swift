import Testing
import Transformer

@Suite struct ModelConfigurationTests {
  /// A valid configuration but for what a test changes.
  struct Draft {
    var hiddenSize = 64
    var intermediateSize = 128
    var vocabularySize = 300
    var queryHeads = 4
    var keyValueHeads = 2
    var headDimension = 32
    var epsilon = 1e-6
    var positions = 1024
    var theta = 10000.0
    var scaling = RoPEScaling.none
    var rotaryDimension: Int?
    var layers: [LayerConfiguration]?
    var begin: Int? = 256
    var ends = [257]

    func make() throws(ModelError) -> ModelConfiguration {
      let feedForward = FeedForwardConfiguration.dense(
        DenseFeedForwardConfiguration(intermediateSize: intermediateSize))
      return try ModelConfiguration(
        modelType: "smollm3", hiddenSize: hiddenSize,
        vocabulary: VocabularyConfiguration(size: vocabularySize, isTied: true),
        normalization: NormalizationConfiguration(epsilon: epsilon),
        sequence: SequenceConfiguration(
          maximumPositions: positions, beginningToken: begin, endTokens: ends),
        layers: layers ?? [
          LayerConfiguration(
            attention: AttentionConfiguration(
              queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: headDimension),
            rope: RoPEParameters(
              theta: theta, rotaryDimension: rotaryDimension, scaling: scaling),
            feedForward: feedForward)
        ])
    }
  }

  @Test func aValidOneIsAcceptedAndDerivesItsWidths() throws {
    let attention = try Draft().make().layers[0].attention
    #expect(attention.queryWidth == 128)
    #expect(attention.keyValueWidth == 64)
    #expect(attention.shape.groupSize == 2)
  }

  @Test func everySizeIsBoundedBelowAndAbove() throws {
    let sizes: [(String, WritableKeyPath<Draft, Int>)] = [
      ("hidden size", \.hiddenSize), ("intermediate size", \.intermediateSize),
      ("vocabulary size", \.vocabularySize), ("query heads", \.queryHeads),
      ("key/value heads", \.keyValueHeads), ("head dimension", \.headDimension),
      ("positions", \.positions),
    ]
    for (name, size) in sizes {
      for (value, kind) in [
        (0, ModelError.Kind.malformed), (-1, .malformed), (.min, .malformed),
        (1 << 40, .unsupported), (.max, .unsupported),
      ] {
        var draft = Draft()
        draft[keyPath: size] = value
        let error = #expect(throws: ModelError.self, "\(name) \(value)") { try draft.make() }
        #expect(error?.kind == kind, "\(name) \(value)")
        #expect(error?.message.contains(name) == true, "\(name) \(value)")
        #expect(error?.message.contains("\(value)") == true, "\(name) \(value)")
      }
    }
  }

  @Test(
    arguments: [
      (\Draft.keyValueHeads, 3, "divided evenly"), (\.keyValueHeads, 8, "divided evenly"),
      (\.headDimension, 33, "even"), (\.headDimension, 0, "head dimension"),
    ] as [(WritableKeyPath<Draft, Int> & Sendable, Int, String)])
  func headsMustFit(
    size: WritableKeyPath<Draft, Int> & Sendable, value: Int, message: String
  ) throws {
    var draft = Draft()
    draft[keyPath: size] = value
    let error = #expect(throws: ModelError.self) { try draft.make() }
    #expect(error?.message.contains(message) == true)
  }

  @Test(arguments: [16, 48, 64, 80, 96, 128, 256])
  func headDimensionsOfPublishedModelsAreAccepted(headDimension: Int) throws {
    var draft = Draft()
    draft.headDimension = headDimension
    #expect(try draft.make().layers[0].attention.headDimension == headDimension)
  }

  @Test func numbersMustBeInRange() {
    for epsilon in [0, -1e-6, 2, .nan, .infinity] {
      var draft = Draft()
      draft.epsilon = epsilon
      #expect(throws: ModelError.self, "epsilon \(epsilon)") { try draft.make() }
    }
    for theta in [0, 0.5, -10000, .nan, .infinity] {
      var draft = Draft()
      draft.theta = theta
      #expect(throws: ModelError.self, "theta \(theta)") { try draft.make() }
    }
  }

  private func layer(
    _ queryHeads: Int, _ keyValueHeads: Int, dimension: Int, rope: RoPEParameters? = nil,
    clip: Double? = nil
  ) -> LayerConfiguration {
    var attention = AttentionConfiguration(
      queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: dimension)
    attention.clip = clip
    return LayerConfiguration(
      attention: attention, rope: rope,
      feedForward: .dense(DenseFeedForwardConfiguration(intermediateSize: 8)))
  }

  @Test func headsMayDifferFromLayerToLayer() throws {
    let rope = RoPEParameters(theta: 500)
    var draft = Draft()
    draft.layers = [
      layer(4, 2, dimension: 32, rope: rope), layer(6, 1, dimension: 64, rope: rope),
      layer(4, 2, dimension: 32, rope: rope), layer(6, 1, dimension: 64),
    ]
    let configuration = try draft.make()
    #expect(configuration.attentions.map(\.queryWidth) == [128, 384])
    // One rotation is another one of heads of another dimension.
    #expect(configuration.rotations.map(\.headDimension) == [32, 64])
    let turned = configuration.rotating(.adjacent)
    #expect(turned.rotations.allSatisfy { $0.parameters.layout == .adjacent })
    #expect(turned.layers.map(\.attention) == configuration.layers.map(\.attention))
  }

  /// Of layers that differ, the message names the one that is wrong.
  @Test func theLayerThatIsWrongIsNamed() {
    let wide = RoPEParameters(theta: 500, rotaryDimension: 48)
    for (wrong, words) in [
      (layer(4, 3, dimension: 32), ["divided evenly"]),
      (layer(0, 1, dimension: 32), ["query heads"]),
      (layer(4, 2, dimension: 33), ["even"]), (layer(4, 2, dimension: 1 << 20), ["head dimension"]),
      (layer(4, 2, dimension: 32, rope: wide), ["48 of a head's 32"]),
      (layer(4, 2, dimension: 32, clip: -1), ["clamped", "-1"]),
    ] {
      var draft = Draft()
      draft.layers = [layer(4, 2, dimension: 64, rope: wide), wrong]
      let error = #expect(throws: ModelError.self) { try draft.make() }
      for word in words + ["layer 1: "] {
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
      }
      draft.layers = [wrong, wrong]
      let ofAll = #expect(throws: ModelError.self) { try draft.make() }
      #expect(ofAll?.message.contains("layer") == false, "\(ofAll?.message ?? "")")
    }
  }

  @Test func layersMustBeThereAndTheirWindowsPositive() {
    func layer(window: Int) -> LayerConfiguration {
      LayerConfiguration(
        attention: AttentionConfiguration(queryHeads: 1, keyValueHeads: 1, headDimension: 16),
        rope: nil, pattern: .slidingWindow(tokens: window),
        feedForward: .dense(DenseFeedForwardConfiguration(intermediateSize: 8)))
    }
    var draft = Draft()
    draft.layers = []
    #expect(throws: ModelError.self) { try draft.make() }
    for window in [0, -5, .max] {
      draft.layers = [
        layer(window: 1), layer(window: window),
      ]
      let error = #expect(throws: ModelError.self, "window \(window)") { try draft.make() }
      #expect(error?.message.contains("layer 1") == true)
    }
  }

  @Test func specialTokensMustBeInTheVocabulary() throws {
    for token in [-1, 300] {
      var draft = Draft()
      draft.begin = token
      #expect(throws: ModelError.self, "begin \(token)") { try draft.make() }
      draft = Draft()
      draft.ends = [0, token]
      #expect(throws: ModelError.self, "end \(token)") { try draft.make() }
    }
    var draft = Draft()
    draft.begin = nil
    draft.ends = []
    #expect(try draft.make().sequence.endTokens == [])
  }
}
