#include <string>
#include <vector>

#include "app/commands.h"
#include "base/contain_exceptions.h"

int main(int argc, char** argv) {
  accelerd::KeepMemoryReserve();
  return accelerd::RunCommand(std::vector<std::string>(argv + 1, argv + argc));
}
