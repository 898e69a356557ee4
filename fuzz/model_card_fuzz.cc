// Throws bytes at the parser of model cards: a card within its documented ranges or an error comes back.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "model/model_card.h"
#include "model/model_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<accelerd::ModelCard> card = accelerd::ParseModelCard(text, "fuzz.toml", accelerd::ModelFolder());
  if (card.ok() && (card->mean.size() > 4 || card->scale.size() > 4 || card->slots.value_or(1) < 1)) {
    std::abort();
  }
  return 0;
}
