#include "tests/unit/runtime/media/read_mp4.h"

#include <cmath>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

namespace wan::testing {
namespace {

Picture to_rgb(const AVFrame& frame) {
  Picture picture = {frame.width, frame.height, std::vector<uint8_t>(size_t{3} * frame.width * frame.height)};
  SwsContext* scaler =
      sws_getContext(frame.width, frame.height, static_cast<AVPixelFormat>(frame.format), frame.width,
                     frame.height, AV_PIX_FMT_RGB24, SWS_BILINEAR, nullptr, nullptr, nullptr);
  const int* bt709 = sws_getCoefficients(SWS_CS_ITU709);
  sws_setColorspaceDetails(scaler, bt709, 0, bt709, 1, 0, 1 << 16, 1 << 16);
  uint8_t* rows[] = {picture.rgb.data()};
  const int strides[] = {3 * frame.width};
  sws_scale(scaler, frame.data, frame.linesize, 0, frame.height, rows, strides);
  sws_freeContext(scaler);
  return picture;
}

void drain(AVCodecContext* codec, std::vector<Picture>& pictures) {
  AVFrame* frame = av_frame_alloc();
  while (avcodec_receive_frame(codec, frame) == 0) pictures.push_back(to_rgb(*frame));
  av_frame_free(&frame);
}

void decode(AVFormatContext* format, AVCodecContext* codec, std::vector<Picture>& pictures) {
  AVPacket* packet = av_packet_alloc();
  while (av_read_frame(format, packet) == 0) {
    avcodec_send_packet(codec, packet);
    av_packet_unref(packet);
    drain(codec, pictures);
  }
  avcodec_send_packet(codec, nullptr);
  drain(codec, pictures);
  av_packet_free(&packet);
}

std::string text(const char* name) { return name ? name : ""; }

void describe(const AVStream& stream, Mp4& mp4) {
  const AVCodecParameters& parameters = *stream.codecpar;
  mp4.codec = text(avcodec_get_name(parameters.codec_id));
  mp4.color_range = text(av_color_range_name(parameters.color_range));
  mp4.color_space = text(av_color_space_name(parameters.color_space));
  mp4.color_transfer = text(av_color_transfer_name(parameters.color_trc));
  mp4.color_primaries = text(av_color_primaries_name(parameters.color_primaries));
  mp4.frames_per_second = av_q2d(stream.avg_frame_rate);
}

}  // namespace

Mp4 read_mp4(const std::filesystem::path& file) {
  Mp4 mp4;
  AVFormatContext* format = nullptr;
  if (avformat_open_input(&format, file.c_str(), nullptr, nullptr) < 0) return mp4;
  const AVStream* stream = format->nb_streams > 0 ? format->streams[0] : nullptr;
  const AVCodec* decoder = stream ? avcodec_find_decoder(stream->codecpar->codec_id) : nullptr;
  AVCodecContext* codec = decoder ? avcodec_alloc_context3(decoder) : nullptr;
  if (codec && avcodec_parameters_to_context(codec, stream->codecpar) >= 0 &&
      avcodec_open2(codec, decoder, nullptr) >= 0) {
    describe(*stream, mp4);
    decode(format, codec, mp4.pictures);
    mp4.pixel_format = text(av_get_pix_fmt_name(codec->pix_fmt));
  }
  avcodec_free_context(&codec);
  avformat_close_input(&format);
  return mp4;
}

double psnr(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  if (a.size() != b.size()) return 0;
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.size()) / squares);
}

}  // namespace wan::testing
