extension GenerateOptions {
  /// Two options of one place that exclude each other, or nil if there are none.
  var exclusion: Failure? {
    if context != nil && tokenIds != nil {
      return Failure(.usage, "--context and --token-ids exclude each other, give one of them")
    }
    if prompt != nil && promptFile != nil {
      return Failure(.usage, "--prompt and --prompt-file exclude each other, give one of them")
    }
    return nil
  }
}
