#include "cli/command_table.h"

#include <algorithm>
#include <array>

namespace accelerd {

std::span<const CommandDescription> CommandTable() {
  using enum CommandDescription::Operands;
  static constexpr std::array<CommandDescription, 9> kCommands = {
      {{.name = "list", .operands = kNone, .summary = "Lists the models that are loaded", .call = ""},
       {.name = "load",
        .operands = kModelAndFolder,
        .summary = "Loads the model NAME from a folder of the service's machine, and waits until it is ready",
        .call = ""},
       {.name = "unload", .operands = kModels, .summary = "Unloads models", .call = ""},
       {.name = "shape", .operands = kModel, .summary = "Prints the shape of a model's input", .call = ""},
       {.name = "stats",
        .operands = kNone,
        .summary = "Prints how the device is shared: its use now, and that of each client and model",
        .call = ""},
       {.name = "infer",
        .operands = kModelAndFiles,
        .summary = "Runs a model on images and prints the raw output",
        .call = "inference",
        .output_help = "Write the output as .npy instead of printing it; -: standard output"},
       {.name = "classify",
        .operands = kModelAndFiles,
        .summary = "Says what images show: classes and their scores in percent, best first",
        .call = "classify"},
       {.name = "detect",
        .operands = kModelAndFiles,
        .summary = "Finds objects in images: class, score in percent, and box in pixels",
        .call = "detect"},
       {.name = "segment",
        .operands = kModelAndFiles,
        .summary = "Finds the class of each pixel of images: the pixels of each class",
        .call = "segment",
        .output_help = "Write the class map as PNG, the class as palette index; -: standard output"}}};
  return kCommands;
}

const CommandDescription* FindCommand(std::string_view name) {
  const std::span<const CommandDescription> table = CommandTable();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [name](const CommandDescription& command) { return command.name == name; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace accelerd
