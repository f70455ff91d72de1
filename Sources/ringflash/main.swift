import CommandLine
import Foundation

withEnoughStack {
  restartWithSuitedOpenBLAS()
  exit(Program.run(Array(Swift.CommandLine.arguments.dropFirst())))
}
