import Files
import Foundation
import Inference
import JSON
import ModelFiles
import TestSupport
import Testing
import Transformer

@Suite struct GenerationSuggestionsTests {
  /// The suggestions of a directory with that `generation_config.json`.
  private func suggestions(_ json: String) throws -> GenerationSuggestions {
    try outline(json).suggestions
  }

  private func outline(_ json: String) throws -> ModelOutline {
    let folder = try ModelFolder()
    try folder.write(
      configuration: RandomModel.sampleConfiguration().json, generation: Data(json.utf8),
      tensors: [])
    return try ModelOutline(folder.directory, precision: .bf16, weights: .none)
  }

  /// Transformers samples with a temperature of 1, among 50 tokens, unless the file says otherwise.
  @Test func samplingHasTransformersDefaults() throws {
    let bare = try suggestions(#"{"do_sample": true}"#)
    #expect(bare.sampling == SamplingChoices(temperature: 1, topK: 50, topP: 1))
    let some = try suggestions(#"{"do_sample": true, "temperature": 0.6, "top_k": null}"#)
    #expect(some.sampling == SamplingChoices(temperature: 0.6, topK: 50, topP: 1))
    let all = try suggestions(#"{"do_sample": true, "top_k": 0, "top_p": 0.9}"#)
    #expect(all.sampling == SamplingChoices(temperature: 1, topK: 0, topP: 0.9))
    let greedy = try suggestions(#"{"temperature": 0.6, "top_k": 20, "max_length": 4096}"#)
    #expect(greedy == GenerationSuggestions())
  }

  /// The penalty of repetition counts without sampling, too; the least probability does not.
  @Test func penaltyAndLeastProbabilityAreTaken() throws {
    let greedy = try suggestions(#"{"repetition_penalty": 1.05, "min_p": 0.1}"#).sampling
    #expect(greedy.repetitionPenalty == 1.05 && greedy.minP == nil)
    let sampled = try suggestions(
      #"{"do_sample": true, "repetition_penalty": 1.1, "min_p": 0.1}"#
    ).sampling
    #expect(sampled.repetitionPenalty == 1.1 && sampled.minP == 0.1)
  }

  @Test func oneStopTextIsAListOfOne() throws {
    #expect(try suggestions(#"{"stop_strings": "x"}"#).stopTexts == ["x"])
    #expect(try suggestions(#"{"stop_strings": ["x", "y"]}"#).stopTexts == ["x", "y"])
    #expect(throws: JSONError.self) { try suggestions(#"{"stop_strings": 7}"#) }
  }

  @Test func settingsThatWouldChangeTheAnswerAreNamed() throws {
    let cases: [(json: String, notApplied: [String])] = [
      (#"{"encoder_repetition_penalty": 1.05}"#, [#""encoder_repetition_penalty": 1.05"#]),
      (#"{"repetition_penalty": 1.05}"#, []),
      (#"{"repetition_penalty": 1.0, "num_beams": 1, "no_repeat_ngram_size": 0}"#, []),
      (
        #"{"num_beams": 4, "min_new_tokens": 2}"#,
        [#""min_new_tokens": 2"#, #""num_beams": 4"#]
      ),
      (#"{"suppress_tokens": [1, 2]}"#, [#""suppress_tokens""#]),
      (#"{"suppress_tokens": [], "bad_words_ids": null}"#, []),
      // Of no effect without sampling.
      (#"{"epsilon_cutoff": 0.1}"#, []),
      (
        #"{"epsilon_cutoff": 0.1, "do_sample": true, "typical_p": 1.0}"#,
        [#""epsilon_cutoff": 0.1"#]
      ),
      (#"{"bos_token_id": 1, "pad_token_id": 0, "transformers_version": "4.45"}"#, []),
    ]
    for (json, notApplied) in cases {
      #expect(try suggestions(json).notApplied == notApplied, "\(json)")
    }
  }

  @Test(arguments: ["-1", "300", "[257, 300]", "9223372036854775807"])
  func endsOutsideTheVocabularyAreRefused(ends: String) {
    let error = #expect(throws: FileError.self) {
      try outline(#"{"eos_token_id": \#(ends)}"#)
    }
    #expect(error?.kind == .malformed)
    #expect(error?.description.contains("generation_config.json") == true)
    #expect(error?.description.contains("eos_token_id") == true)
  }
}
