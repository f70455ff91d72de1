// What other commands are told, too, stands in groups of options; here it reads as the others do.

extension GenerateOptions {
  package subscript<Value>(dynamicMember option: WritableKeyPath<InputOptions, Value>) -> Value {
    get { inputOptions[keyPath: option] }
    set { inputOptions[keyPath: option] = newValue }
  }

  package subscript<Value>(dynamicMember option: WritableKeyPath<ModelOptions, Value>) -> Value {
    get { modelOptions[keyPath: option] }
    set { modelOptions[keyPath: option] = newValue }
  }

  package subscript<Value>(
    dynamicMember option: WritableKeyPath<ComputingOptions, Value>
  ) -> Value {
    get { computingOptions[keyPath: option] }
    set { computingOptions[keyPath: option] = newValue }
  }

  package subscript<Value>(dynamicMember option: WritableKeyPath<SourceOptions, Value>) -> Value {
    get { sourceOptions[keyPath: option] }
    set { sourceOptions[keyPath: option] = newValue }
  }

  package subscript<Value>(dynamicMember option: WritableKeyPath<OutputOptions, Value>) -> Value {
    get { outputOptions[keyPath: option] }
    set { outputOptions[keyPath: option] = newValue }
  }
}
