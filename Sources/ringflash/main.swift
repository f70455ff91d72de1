import CommandLine
import Foundation

withEnoughStack {
  restartWithSuitedOpenBLAS()
  exit(Program.run(Program.arguments))
}
