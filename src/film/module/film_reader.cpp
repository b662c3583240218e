#include "film/module/film_reader.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/error.h>
#include <libswscale/swscale.h>
}

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>

namespace llm2clip {
namespace {

// A playlist or a list of parts under the name of a film would have FFmpeg open other files and
// addresses, so nothing but these is tried.
constexpr const char* kFormats = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi";
constexpr double kMostRounding = 0.0005;  // seconds; Matroska's clock has milliseconds
// A damaged time may lie millennia ahead, and a film would have as many frames.
constexpr double kLongestFrame = 3600;  // seconds
constexpr unsigned kMostThreads = 4;    // beside those that decode images
// What a header says of the whole film may be rounded, and the last frame's time is not always
// known.
constexpr double kHeaderSlack = 1.0;  // seconds

std::string words(int error) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  ::av_strerror(error, text.data(), text.size());
  return text.data();
}

template <typename T>
T* made(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

// Of the eight ways the one that a matrix stands for, which takes a point (x, y) of the stored
// frame to (ax + cy, bx + dy). Turns by other angles are not made.
int orientation_of(const std::int32_t* matrix) {
  const auto sign = [](std::int32_t value) { return (value > 0) - (value < 0); };
  const std::array<int, 4> way = {sign(matrix[0]), sign(matrix[1]), sign(matrix[3]),
                                  sign(matrix[4])};
  constexpr std::array<std::array<int, 4>, 8> kWays = {{{1, 0, 0, 1},
                                                        {-1, 0, 0, 1},
                                                        {-1, 0, 0, -1},
                                                        {1, 0, 0, -1},
                                                        {0, 1, 1, 0},
                                                        {0, 1, -1, 0},
                                                        {0, -1, -1, 0},
                                                        {0, -1, 1, 0}}};
  const auto* found = std::find(kWays.begin(), kWays.end(), way);
  return found == kWays.end() ? 1 : static_cast<int>(found - kWays.begin()) + 1;
}

const std::uint8_t* display_matrix(const AVStream& stream) {
#if LIBAVFORMAT_VERSION_MAJOR >= 61
  const AVPacketSideData* data =
      ::av_packet_side_data_get(stream.codecpar->coded_side_data,
                                stream.codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  return data == nullptr ? nullptr : data->data;
#else
  return ::av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr);
#endif
}

double duration_of(const AVFrame& frame) {
#if LIBAVUTIL_VERSION_MAJOR >= 58
  return static_cast<double>(frame.duration);
#else
  return static_cast<double>(frame.pkt_duration);
#endif
}

void check_size(int width, int height, const FilmLimits& limits) {
  const std::string size = std::to_string(width) + " by " + std::to_string(height) + " pixels";
  if (width <= 0 || height <= 0) throw std::runtime_error("has frames of " + size);
  if (width > limits.max_side || height > limits.max_side) {
    throw std::runtime_error("has frames of " + size + ", longest side allowed " +
                             std::to_string(limits.max_side));
  }
  if (std::int64_t{width} * height > limits.max_pixels) {
    throw std::runtime_error("has frames of " + size + ", limit " +
                             std::to_string(limits.max_pixels) + " pixels");
  }
}

}  // namespace

bool FilmReader::TimedFrame::there() const { return frame->buf[0] != nullptr; }

void FilmReader::Free::operator()(AVFormatContext* format) const {
  ::avformat_close_input(&format);
}
void FilmReader::Free::operator()(AVCodecContext* codec) const { ::avcodec_free_context(&codec); }
void FilmReader::Free::operator()(AVFrame* frame) const { ::av_frame_free(&frame); }
void FilmReader::Free::operator()(AVPacket* packet) const { ::av_packet_free(&packet); }
void FilmReader::Free::operator()(SwsContext* scale) const { ::sws_freeContext(scale); }

FilmReader::FilmReader(const std::string& path, const FilmLimits& limits) : limits_(limits) {
  open_file(path);
  open_codec(limits);
  packet_.reset(made(::av_packet_alloc()));
  next_.frame.reset(made(::av_frame_alloc()));
  shown_.frame.reset(made(::av_frame_alloc()));
}

void FilmReader::open_file(const std::string& path) {
  AVDictionary* options = nullptr;
  ::av_dict_set(&options, "format_whitelist", kFormats, 0);
  ::av_dict_set(&options, "protocol_whitelist", "file", 0);
  AVFormatContext* format = nullptr;
  const int opened = ::avformat_open_input(&format, ("file:" + path).c_str(), nullptr, &options);
  ::av_dict_free(&options);
  if (opened < 0) {
    throw std::runtime_error("is no film that can be read: " + words(opened) +
                             "; MP4, MOV, Matroska, WebM or AVI is expected");
  }
  format_.reset(format);
  const int found = ::avformat_find_stream_info(format, nullptr);
  if (found < 0) throw std::runtime_error("is damaged at its start: " + words(found));
}

void FilmReader::open_codec(const FilmLimits& limits) {
  const AVCodec* decoder = nullptr;
  const int track = ::av_find_best_stream(format_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0);
  if (track == AVERROR_DECODER_NOT_FOUND) {
    throw std::runtime_error("has a codec that the installed FFmpeg does not decode");
  }
  if (track < 0) throw std::runtime_error("has no film track");
  stream_ = format_->streams[track];
  if ((stream_->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0) {
    throw std::runtime_error("has no film track, a cover picture only");
  }
  check_size(stream_->codecpar->width, stream_->codecpar->height, limits);
  codec_.reset(made(::avcodec_alloc_context3(decoder)));
  ::avcodec_parameters_to_context(codec_.get(), stream_->codecpar);
  codec_->pkt_timebase = stream_->time_base;
  codec_->max_pixels = limits.max_pixels;
  codec_->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
  // Not by frames: with AV_EF_EXPLODE, FFmpeg 5 then ends the process over some damaged films
  // (decode.c: Assertion frame->buf[0] failed).
  codec_->thread_type = FF_THREAD_SLICE;
  codec_->thread_count =
      static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads));
  const int opened = ::avcodec_open2(codec_.get(), decoder, nullptr);
  if (opened < 0) throw std::runtime_error("cannot be decoded: " + words(opened));
  tick_ = ::av_q2d(stream_->time_base);
  rounding_ = std::min(tick_ / 2, kMostRounding);
  if (const std::uint8_t* matrix = display_matrix(*stream_)) {
    orientation_ = orientation_of(reinterpret_cast<const std::int32_t*>(matrix));
  }
}

// Times are rounded to ticks of the film's clock, so a frame counts from half a tick before its
// own. Not of a slow clock: AVI's ticks once a frame.
const FilmPixels* FilmReader::show(double seconds) {
  while (true) {
    if (!next_.there() && !ended_ && damage_.empty()) decode_next();
    if (!next_.there() || next_.start - rounding_ > seconds) break;
    std::swap(shown_, next_);
    ::av_frame_unref(next_.frame.get());
    converted_ = false;
  }
  if (next_.there() || is_shown_at(seconds)) return convert();
  if (!damage_.empty()) throw std::runtime_error(damage_);
  if (!shown_.there()) throw std::runtime_error("has no frame");
  return nullptr;
}

// Of the last frame, or the last good one: for its own time, where that is known.
bool FilmReader::is_shown_at(double seconds) const {
  return shown_.there() &&
         (seconds <= shown_.start + rounding_ || seconds < shown_.end - rounding_);
}

// Fills next_, or sets ended_ or damage_.
void FilmReader::decode_next() {
  try {
    while (!receive()) {
      if (ended_) return;
      send_packet();
    }
    accept();
  } catch (const std::runtime_error& error) {
    damage_ = error.what();
    ::av_frame_unref(next_.frame.get());
  }
}

bool FilmReader::receive() {
  const int result = ::avcodec_receive_frame(codec_.get(), next_.frame.get());
  if (result == AVERROR(EAGAIN)) return false;
  if (result == AVERROR_EOF) {
    ended_ = true;
    return false;
  }
  const bool damaged = result >= 0 && (next_.frame->decode_error_flags != 0 ||
                                       (next_.frame->flags & AV_FRAME_FLAG_CORRUPT) != 0);
  if (result < 0 || damaged) {
    pass_over(result < 0 ? result : AVERROR_INVALIDDATA);
    return false;
  }
  return any_ || !from_key_frame_ || next_.frame->pict_type == AV_PICTURE_TYPE_I;
}

// What was recorded from the air, or cut out of a longer film, begins with frames that lack those
// they refer to. So damage counts behind the first good frame, and before it frames are good from
// one on that refers to none.
void FilmReader::pass_over(int error) {
  if (error == AVERROR(ENOMEM)) throw std::bad_alloc();
  if (any_) throw std::runtime_error("is damaged or ends early: " + words(error));
  from_key_frame_ = true;
}

void FilmReader::send_packet() {
  while (true) {
    const int read = ::av_read_frame(format_.get(), packet_.get());
    if (read == AVERROR_EOF) {
      check_whole();
      ::avcodec_send_packet(codec_.get(), nullptr);
      return;
    }
    if (read < 0) throw std::runtime_error("is damaged or ends early: " + words(read));
    const AVStream& stream = *format_->streams[packet_->stream_index];
    const std::int64_t at = packet_->pts != AV_NOPTS_VALUE ? packet_->pts : packet_->dts;
    if (at != AV_NOPTS_VALUE) {
      furthest_ = std::max(
          furthest_, static_cast<double>(at + packet_->duration) * ::av_q2d(stream.time_base));
    }
    const bool ours = packet_->stream_index == stream_->index;
    const bool whole = (packet_->flags & AV_PKT_FLAG_CORRUPT) == 0;
    const int sent = ours && whole ? ::avcodec_send_packet(codec_.get(), packet_.get()) : 0;
    ::av_packet_unref(packet_.get());
    if (sent < 0 || (ours && !whole)) pass_over(sent < 0 ? sent : AVERROR_INVALIDDATA);
    if (ours) return;
  }
}

// Matroska and AVI that were cut end like whole ones; but their header knows how long they were.
// The frames that the decoder still holds are not taken then: some that belong between them are
// lost.
void FilmReader::check_whole() const {
  if (format_->duration == AV_NOPTS_VALUE ||
      format_->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE) {
    return;
  }
  const std::int64_t start = format_->start_time == AV_NOPTS_VALUE ? 0 : format_->start_time;
  const double announced = static_cast<double>(format_->duration + start) / AV_TIME_BASE;
  if (furthest_ + kHeaderSlack >= announced) return;
  throw std::runtime_error("ends early: after " + std::to_string(std::lround(furthest_)) +
                           " seconds of " + std::to_string(std::lround(announced)));
}

// Gives the frame its time: where the film has none for it, the one behind the frame before.
void FilmReader::accept() {
  check_size(next_.frame->width, next_.frame->height, limits_);
  const double length = duration_of(*next_.frame) * tick_;
  const std::int64_t at = next_.frame->best_effort_timestamp;
  double start = std::max(shown_.end, shown_.start);
  if (at != AV_NOPTS_VALUE) {
    const double clock = static_cast<double>(at) * tick_;
    if (!any_) first_ = clock;
    start = std::max(clock - first_, shown_.start);
  }
  if (start - shown_.start > kLongestFrame) {
    throw std::runtime_error("is damaged: a frame would be shown for " +
                             std::to_string(std::llround(start - shown_.start)) + " seconds");
  }
  any_ = true;
  next_.start = start;
  next_.end = start + std::clamp(length, 0.0, kLongestFrame);
}

const FilmPixels* FilmReader::convert() {
  if (converted_) return &pixels_;
  const AVFrame& frame = *shown_.frame;
  constexpr int kExactly = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT;
  const auto format = static_cast<AVPixelFormat>(frame.format);
  scale_.reset(made(::sws_getCachedContext(scale_.release(), frame.width, frame.height, format,
                                           frame.width, frame.height, AV_PIX_FMT_RGB24, kExactly,
                                           nullptr, nullptr, nullptr)));
  const int* colors = ::sws_getCoefficients(frame.colorspace);
  const int full_range = frame.color_range == AVCOL_RANGE_JPEG;
  ::sws_setColorspaceDetails(scale_.get(), colors, full_range,
                             ::sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
  const int stride = 3 * frame.width;
  rgb_.resize(static_cast<std::size_t>(stride) * static_cast<std::size_t>(frame.height));
  std::uint8_t* rows = rgb_.data();
  ::sws_scale(scale_.get(), frame.data, frame.linesize, 0, frame.height, &rows, &stride);
  pixels_ = {frame.width, frame.height, orientation_, rgb_.data()};
  converted_ = true;
  return &pixels_;
}

}  // namespace llm2clip
