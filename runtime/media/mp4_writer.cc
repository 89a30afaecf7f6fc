#include "runtime/media/mp4_writer.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
}

#include <string>

#include "runtime/media/yuv.h"

namespace wan::media {
namespace {

struct FreeFormat {
  void operator()(AVFormatContext* context) const {
    if (context->pb) avio_closep(&context->pb);
    avformat_free_context(context);
  }
};
struct FreeCodec {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};
struct FreeFilter {
  void operator()(AVBSFContext* context) const { av_bsf_free(&context); }
};
struct FreeFrame {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct FreePacket {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};

Status check(int code, const char* what) {
  if (code >= 0) return {};
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return fail(internal_error(std::string(what) + ": " + text));
}

class FfmpegWriter final : public Mp4Writer {
 public:
  Status open(const std::filesystem::path& file, const Mp4Settings& settings) {
    WAN_TRY_VOID(open_encoder(settings));
    WAN_TRY_VOID(open_filter());
    WAN_TRY_VOID(open_container(file));
    return allocate_frame();
  }

  Status write(std::span<const uint8_t> rgb) override {
    WAN_TRY_VOID(check(av_frame_make_writable(frame_.get()), "frame buffer"));
    const auto plane = [&](int i, int height) {
      return std::span<uint8_t>(frame_->data[i], static_cast<size_t>(frame_->linesize[i]) * height);
    };
    const int height = codec_->height;
    rgb_to_yuv420(rgb, codec_->width, height,
                  {.y = plane(0, height),
                   .u = plane(1, height / 2),
                   .v = plane(2, height / 2),
                   .y_stride = frame_->linesize[0],
                   .u_stride = frame_->linesize[1],
                   .v_stride = frame_->linesize[2]});
    frame_->pts = next_pts_++;
    return encode(frame_.get());
  }

  Status finish() override {
    WAN_TRY_VOID(encode(nullptr));
    WAN_TRY_VOID(filter(nullptr));
    WAN_TRY_VOID(check(av_write_trailer(format_.get()), "writing the end of the mp4"));
    return check(avio_closep(&format_->pb), "closing the mp4");
  }

 private:
  Status open_encoder(const Mp4Settings& settings) {
    const AVCodec* codec = avcodec_find_encoder_by_name("libx264");
    if (!codec)
      return fail(failed_precondition("this FFmpeg has no libx264 encoder; install Debian's libavcodec"));
    codec_.reset(avcodec_alloc_context3(codec));
    codec_->width = settings.width;
    codec_->height = settings.height;
    codec_->time_base = {1, settings.fps};
    codec_->framerate = {settings.fps, 1};
    codec_->pix_fmt = AV_PIX_FMT_YUV420P;
    codec_->color_range = AVCOL_RANGE_MPEG;
    codec_->color_primaries = AVCOL_PRI_BT709;
    codec_->color_trc = AVCOL_TRC_BT709;
    codec_->colorspace = AVCOL_SPC_BT709;
    codec_->chroma_sample_location = AVCHROMA_LOC_LEFT;
    codec_->thread_count = settings.threads;
    codec_->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
    av_opt_set_int(codec_->priv_data, "crf", settings.crf, 0);
    av_opt_set(codec_->priv_data, "preset", "medium", 0);
    return check(avcodec_open2(codec_.get(), codec, nullptr), "opening the encoder");
  }

  // x264 writes its version and options into the stream as user data: six is the type of such units.
  Status open_filter() {
    const AVBitStreamFilter* definition = av_bsf_get_by_name("filter_units");
    if (!definition) return fail(failed_precondition("this FFmpeg has no filter_units bitstream filter"));
    AVBSFContext* context = nullptr;
    WAN_TRY_VOID(check(av_bsf_alloc(definition, &context), "filter_units"));
    filter_.reset(context);
    av_opt_set(context->priv_data, "remove_types", "6", 0);
    WAN_TRY_VOID(check(avcodec_parameters_from_context(context->par_in, codec_.get()), "filter_units"));
    context->time_base_in = codec_->time_base;
    return check(av_bsf_init(context), "filter_units");
  }

  Status open_container(const std::filesystem::path& file) {
    AVFormatContext* context = nullptr;
    WAN_TRY_VOID(check(avformat_alloc_output_context2(&context, nullptr, "mp4", file.c_str()), "mp4"));
    format_.reset(context);
    context->flags |= AVFMT_FLAG_BITEXACT;
    stream_ = avformat_new_stream(context, nullptr);
    if (!stream_) return fail(internal_error("mp4: no memory for a stream"));
    WAN_TRY_VOID(check(avcodec_parameters_copy(stream_->codecpar, filter_->par_out), "mp4"));
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    WAN_TRY_VOID(check(avio_open(&context->pb, file.c_str(), AVIO_FLAG_WRITE), file.c_str()));
    AVDictionary* options = nullptr;
    av_dict_set(&options, "movflags", "+faststart", 0);
    const int code = avformat_write_header(context, &options);
    av_dict_free(&options);
    return check(code, "writing the mp4's header");
  }

  Status allocate_frame() {
    frame_.reset(av_frame_alloc());
    packet_.reset(av_packet_alloc());
    frame_->format = codec_->pix_fmt;
    frame_->width = codec_->width;
    frame_->height = codec_->height;
    return check(av_frame_get_buffer(frame_.get(), 0), "frame buffer");
  }

  // Hands one frame to the encoder (null: there are no more) and passes on what comes out.
  Status encode(const AVFrame* frame) {
    WAN_TRY_VOID(check(avcodec_send_frame(codec_.get(), frame), "encoding"));
    for (;;) {
      const int code = avcodec_receive_packet(codec_.get(), packet_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return {};
      WAN_TRY_VOID(check(code, "encoding"));
      packet_->duration = 1;
      WAN_TRY_VOID(filter(packet_.get()));
    }
  }

  Status filter(AVPacket* packet) {
    WAN_TRY_VOID(check(av_bsf_send_packet(filter_.get(), packet), "filter_units"));
    for (;;) {
      const int code = av_bsf_receive_packet(filter_.get(), packet_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return {};
      WAN_TRY_VOID(check(code, "filter_units"));
      packet_->stream_index = stream_->index;
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      WAN_TRY_VOID(check(av_interleaved_write_frame(format_.get(), packet_.get()), "writing the mp4"));
    }
  }

  std::unique_ptr<AVCodecContext, FreeCodec> codec_;
  std::unique_ptr<AVBSFContext, FreeFilter> filter_;
  std::unique_ptr<AVFormatContext, FreeFormat> format_;
  std::unique_ptr<AVFrame, FreeFrame> frame_;
  std::unique_ptr<AVPacket, FreePacket> packet_;
  AVStream* stream_ = nullptr;  // owned by format_
  int64_t next_pts_ = 0;
};

}  // namespace

Result<std::unique_ptr<Mp4Writer>> open_mp4(const std::filesystem::path& file, const Mp4Settings& settings) {
  av_log_set_level(AV_LOG_ERROR);
  auto writer = std::make_unique<FfmpegWriter>();
  WAN_TRY_VOID(writer->open(file, settings));
  return writer;
}

}  // namespace wan::media
