#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "film/film_table.h"

struct AVCodecContext;
struct AVFormatContext;
struct AVFrame;
struct AVPacket;
struct AVStream;
struct SwsContext;

namespace llm2clip {

/// The frames of one film in their order, by FFmpeg's libraries. Throws std::runtime_error with the
/// reason, without the file's name.
class FilmReader {
 public:
  FilmReader(const std::string& path, const FilmLimits& limits);

  /// As FilmTable::show. Null: the film ends before.
  const FilmPixels* show(double seconds);

 private:
  struct Free {
    void operator()(AVFormatContext* format) const;
    void operator()(AVCodecContext* codec) const;
    void operator()(AVFrame* frame) const;
    void operator()(AVPacket* packet) const;
    void operator()(SwsContext* scale) const;
  };
  template <typename T>
  using Owned = std::unique_ptr<T, Free>;

  struct TimedFrame {
    Owned<AVFrame> frame;
    double start = 0;  // seconds from the first frame on
    double end = 0;    // of its own time; start where that is not known
    bool there() const;
  };

  void open_file(const std::string& path);
  void open_codec(const FilmLimits& limits);
  void decode_next();
  bool receive();
  void send_packet();
  void check_whole() const;
  void pass_over(int error);
  void accept();
  bool is_shown_at(double seconds) const;
  const FilmPixels* convert();

  FilmLimits limits_;
  Owned<AVFormatContext> format_;
  Owned<AVCodecContext> codec_;
  Owned<AVPacket> packet_;
  Owned<SwsContext> scale_;
  AVStream* stream_ = nullptr;
  double rounding_ = 0;  // seconds that the time of a frame may be off
  double tick_ = 0;      // seconds
  double furthest_ = 0;  // seconds: end of what was read, of any stream
  bool ended_ = false;
  std::string damage_;           // why nothing can be decoded any more
  bool any_ = false;             // a good frame
  bool from_key_frame_ = false;  // before it: only one that refers to no other is good
  double first_ = 0;             // seconds on the film's clock
  TimedFrame shown_, next_;      // one behind the other
  bool converted_ = false;
  int orientation_ = 1;
  std::vector<std::uint8_t> rgb_;
  FilmPixels pixels_;
};

}  // namespace llm2clip
