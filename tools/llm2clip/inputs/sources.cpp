#include "inputs/sources.h"

#include <cstdint>
#include <filesystem>
#include <system_error>
#include <variant>

#include "llm2clip/film.h"

namespace llm2clip::cli {
namespace {

// Failures take their place before the input that was read behind them. `Inputs` is ImageInputs or
// TextInputs, `Input` what the library calls its inputs.
template <typename Flags, typename Inputs, typename Input>
class Listed {
 public:
  template <typename... More>
  explicit Listed(const Flags& flags, More... more)
      : flags_(flags), inputs_(flags_, failures_, std::move(more)...) {}

  Inputs& inputs() { return inputs_; }

  template <typename Convert>
  std::optional<Input> next(const Convert& convert) {
    take_failures();
    if (waiting_.empty()) {
      auto input = inputs_.next();
      take_failures();
      if (input) waiting_.push_back(convert(std::move(*input)));
    }
    if (waiting_.empty()) return std::nullopt;
    Input first = std::move(waiting_.front());
    waiting_.pop_front();
    return first;
  }

 private:
  void take_failures() {
    for (CollectedFailures::Failure& failure : failures_.take()) {
      waiting_.push_back({.id = std::move(failure.id), .failure = std::move(failure.why)});
    }
  }

  const Flags flags_;
  CollectedFailures failures_;
  Inputs inputs_;
  std::deque<Input> waiting_;
};

ImageInput convert_image(ListedImage input) {
  if (auto* bytes = std::get_if<std::vector<std::uint8_t>>(&input.content)) {
    return {.id = std::move(input.id), .content = std::move(*bytes)};
  }
  if (auto* frame = std::get_if<Image>(&input.content)) {
    return {.id = std::move(input.id),
            .content = std::move(*frame),
            .identity = std::move(input.identity),
            .stamp = std::move(input.stamp)};
  }
  std::error_code error;
  if (std::filesystem::is_directory(input.id, error)) {
    const std::string message = input.id + ": is a folder; -r takes the images in it";
    return {.id = std::move(input.id), .failure = RunFailure{"read", "unreadable_input", message}};
  }
  std::filesystem::path file = input.id;
  return {.id = std::move(input.id), .content = std::move(file)};
}

TextInput convert_text(ListedText input) {
  return {
      .id = std::move(input.id), .text = std::move(input.text), .place = std::move(input.place)};
}

void tell(const Counted& passed_over, const std::string& what, const std::string& advice,
          Messages& messages) {
  if (passed_over.count == 0) return;
  const std::size_t others = passed_over.count - 1;
  messages.note(passed_over.first + ": passed over, " + what +
                (others == 0 ? "" : ", and " + std::to_string(others) + " more") + "; " + advice);
}

}  // namespace

void CollectedFailures::failed(const std::string& id, const Error& error) {
  if (error.kind() != ErrorKind::unreadable_input) throw error;
  kept_.push_back({id, {"list", "unreadable_input", error.what()}});
  ++failures_;
}

ImageSource image_source(const ImageFlags& flags, Messages& messages,
                         std::shared_ptr<ContainerMemory> memory) {
  if (flags.film_step > 0) check_films();
  using Images = Listed<ImageFlags, ImageInputs, ImageInput>;
  const auto listed = std::make_shared<Images>(flags, std::move(memory));
  const PassedOver passed_over = listed->inputs().passed_over();
  tell(passed_over.folders, "a hidden folder or a system's", "--hidden takes them", messages);
  tell(passed_over.films, "a film", "--fps 1 takes a frame of each second", messages);
  return {[listed] { return listed->next(convert_image); }, listed->inputs().total()};
}

TextSource text_source(const TextFlags& flags) {
  using Texts = Listed<TextFlags, TextInputs, TextInput>;
  const auto listed = std::make_shared<Texts>(flags);
  return {[listed] { return listed->next(convert_text); }};
}

}  // namespace llm2clip::cli
