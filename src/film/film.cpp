#include "llm2clip/film.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <string>
#include <system_error>
#include <utility>

#include "base/loaded_module.h"
#include "film/film_table.h"
#include "image/orientation.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

const FilmTable& films() {
  static const FilmTable& table = loaded_module<FilmTable>(
      {.purpose = "films",
       .file = "libllm2clip-films.so",
       .symbol = kFilmTableFunction,
       .option = "LLM2CLIP_FILMS=ON",
       .packages = "Debian's libavformat59, libavcodec59 and libswscale6"});
  return table;
}

// FFmpeg would wait for a pipe, and list a folder.
void check_file(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    throw Error(ErrorKind::unreadable_input,
                path + ": cannot be opened: " + std::generic_category().message(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::unreadable_input, path + ": is no file; a film is expected");
  }
}

}  // namespace

class Film::Impl {
 public:
  Impl(const std::filesystem::path& file, const ReadOptions& options) : path_(file.string()) {
    const FilmTable& table = films();
    check_file(path_);
    const FilmLimits limits{static_cast<std::int64_t>(options.max_pixels), options.max_side};
    film_ = table.open(path_.c_str(), &limits, message());
    if (film_ == nullptr) throw error();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { films().close(film_); }

  std::optional<Image> frame_at(double seconds) {
    if (!(seconds >= last_) || std::isinf(seconds)) {
      throw Error(ErrorKind::invalid_argument, "seconds: " + std::to_string(last_) +
                                                   " or more is expected, not " +
                                                   std::to_string(seconds));
    }
    last_ = seconds;
    FilmPixels pixels;
    const FilmAnswer answer = films().show(film_, seconds, &pixels, message());
    if (answer == FilmAnswer::damaged) throw error();
    if (answer == FilmAnswer::end) return std::nullopt;
    const std::size_t bytes = std::size_t{3} * static_cast<std::size_t>(pixels.width) *
                              static_cast<std::size_t>(pixels.height);
    Image image{
        .width = pixels.width, .height = pixels.height, .pixels = {pixels.rgb, pixels.rgb + bytes}};
    return apply_orientation(std::move(image), pixels.orientation);
  }

 private:
  FilmMessage message() { return {message_.data(), message_.size()}; }

  Error error() const {
    if (message_.front() == '\0') {
      return Error(ErrorKind::out_of_memory, path_ + ": memory does not suffice for its frames");
    }
    return Error(ErrorKind::unreadable_input, path_ + ": " + message_.data());
  }

  std::string path_;
  void* film_ = nullptr;
  double last_ = 0;
  std::array<char, 512> message_{};
};

Film::Film(const std::filesystem::path& file, const ReadOptions& options)
    : impl_(std::make_unique<Impl>(file, options)) {}
Film::Film(Film&&) noexcept = default;
Film& Film::operator=(Film&&) noexcept = default;
Film::~Film() = default;

std::optional<Image> Film::frame_at(double seconds) { return impl_->frame_at(seconds); }

void check_films() { films(); }

}  // namespace llm2clip
