import CommandLine
import Foundation

restartWithSuitedOpenBLAS()
exit(Program.run(Program.arguments))
