// mp4, webm and gif by FFmpeg.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
}

#include <cstring>
#include <string>
#include <vector>

#include "runtime/media/frame_writer.h"
#include "runtime/media/palette.h"
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

// What differs between the kinds of file.
struct Recipe {
  const char* encoder;
  const char* container;
  AVPixelFormat pixels;
  AVDictionary* (*options)(const FrameSettings& settings);
  const char* filter;  // nullptr: none
};

constexpr int kVp9Crf = 18;  // of 0..63: at the quality of the H.264 default

AVDictionary* x264_options(const FrameSettings& settings) {
  AVDictionary* options = nullptr;
  av_dict_set_int(&options, "crf", settings.crf, 0);
  av_dict_set(&options, "preset", "medium", 0);
  return options;
}

// Bit rate 0 makes the crf alone decide.
AVDictionary* vp9_options(const FrameSettings&) {
  AVDictionary* options = nullptr;
  av_dict_set_int(&options, "crf", kVp9Crf, 0);
  av_dict_set_int(&options, "b", 0, 0);
  av_dict_set(&options, "deadline", "good", 0);
  av_dict_set_int(&options, "cpu-used", 2, 0);
  return options;
}

AVDictionary* no_options(const FrameSettings&) { return nullptr; }

constexpr Recipe kMp4 = {"libx264", "mp4", AV_PIX_FMT_YUV420P, x264_options, "filter_units"};
constexpr Recipe kWebm = {"libvpx-vp9", "webm", AV_PIX_FMT_YUV420P, vp9_options, nullptr};
constexpr Recipe kGif = {"gif", "gif", AV_PIX_FMT_PAL8, no_options, nullptr};

const Recipe& recipe_of(VideoFormat format) {
  if (format == VideoFormat::kWebm) return kWebm;
  return format == VideoFormat::kGif ? kGif : kMp4;
}

Status check(int code, const char* what) {
  if (code >= 0) return {};
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return fail(internal_error(std::string(what) + ": " + text));
}

class MovieWriter final : public FrameWriter {
 public:
  explicit MovieWriter(const Recipe& recipe) : recipe_(recipe) {}

  Status open(const std::filesystem::path& file, const FrameSettings& settings) {
    WAN_TRY_VOID(open_encoder(settings));
    if (recipe_.filter) WAN_TRY_VOID(open_filter());
    WAN_TRY_VOID(open_container(file));
    return allocate_frame();
  }

  Status write(std::span<const uint8_t> rgb) override {
    WAN_TRY_VOID(check(av_frame_make_writable(frame_.get()), "frame buffer"));
    if (recipe_.pixels == AV_PIX_FMT_PAL8) {
      fill_palette(rgb);
    } else {
      fill_planes(rgb);
    }
    frame_->pts = next_pts_++;
    return encode(frame_.get());
  }

  Status finish() override {
    WAN_TRY_VOID(encode(nullptr));
    if (filter_) WAN_TRY_VOID(filter(nullptr));
    WAN_TRY_VOID(check(av_write_trailer(format_.get()), "writing the end of the file"));
    return check(avio_closep(&format_->pb), "closing the file");
  }

 private:
  Status open_encoder(const FrameSettings& settings) {
    const AVCodec* codec = avcodec_find_encoder_by_name(recipe_.encoder);
    if (!codec) {
      return fail(failed_precondition(std::string("this FFmpeg has no ") + recipe_.encoder +
                                      " encoder; install Debian's libavcodec"));
    }
    codec_.reset(avcodec_alloc_context3(codec));
    codec_->width = settings.width;
    codec_->height = settings.height;
    codec_->time_base = {1, settings.fps};
    codec_->framerate = {settings.fps, 1};
    codec_->pix_fmt = recipe_.pixels;
    codec_->thread_count = settings.threads;
    codec_->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
    if (recipe_.pixels == AV_PIX_FMT_YUV420P) tag_bt709();
    AVDictionary* options = recipe_.options(settings);
    const int code = avcodec_open2(codec_.get(), codec, &options);
    av_dict_free(&options);
    return check(code, "opening the encoder");
  }

  void tag_bt709() {
    codec_->color_range = AVCOL_RANGE_MPEG;
    codec_->color_primaries = AVCOL_PRI_BT709;
    codec_->color_trc = AVCOL_TRC_BT709;
    codec_->colorspace = AVCOL_SPC_BT709;
    codec_->chroma_sample_location = AVCHROMA_LOC_LEFT;
  }

  // x264 writes its version and options into the stream as user data: six is the type of such units.
  Status open_filter() {
    const AVBitStreamFilter* definition = av_bsf_get_by_name(recipe_.filter);
    if (!definition) {
      return fail(failed_precondition(std::string("this FFmpeg has no bitstream filter ") + recipe_.filter));
    }
    AVBSFContext* context = nullptr;
    WAN_TRY_VOID(check(av_bsf_alloc(definition, &context), recipe_.filter));
    filter_.reset(context);
    av_opt_set(context->priv_data, "remove_types", "6", 0);
    WAN_TRY_VOID(check(avcodec_parameters_from_context(context->par_in, codec_.get()), recipe_.filter));
    context->time_base_in = codec_->time_base;
    return check(av_bsf_init(context), recipe_.filter);
  }

  Status open_container(const std::filesystem::path& file) {
    AVFormatContext* context = nullptr;
    WAN_TRY_VOID(check(avformat_alloc_output_context2(&context, nullptr, recipe_.container, file.c_str()),
                       recipe_.container));
    format_.reset(context);
    context->flags |= AVFMT_FLAG_BITEXACT;
    stream_ = avformat_new_stream(context, nullptr);
    if (!stream_) return fail(internal_error("no memory for a stream"));
    WAN_TRY_VOID(check(filter_ ? avcodec_parameters_copy(stream_->codecpar, filter_->par_out)
                               : avcodec_parameters_from_context(stream_->codecpar, codec_.get()),
                       recipe_.container));
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    WAN_TRY_VOID(check(avio_open(&context->pb, file.c_str(), AVIO_FLAG_WRITE), file.c_str()));
    AVDictionary* options = nullptr;
    av_dict_set(&options, "movflags", "+faststart", 0);  // others than mp4 ignore it
    const int code = avformat_write_header(context, &options);
    av_dict_free(&options);
    return check(code, "writing the file's header");
  }

  Status allocate_frame() {
    frame_.reset(av_frame_alloc());
    packet_.reset(av_packet_alloc());
    frame_->format = codec_->pix_fmt;
    frame_->width = codec_->width;
    frame_->height = codec_->height;
    return check(av_frame_get_buffer(frame_.get(), 0), "frame buffer");
  }

  void fill_planes(std::span<const uint8_t> rgb) {
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
  }

  // FFmpeg's palette: 256 native 32-bit words, alpha in the upper byte.
  void fill_palette(std::span<const uint8_t> rgb) {
    const Palette palette = choose_palette(rgb);
    for (size_t i = 0; i < palette.colours.size(); ++i) {
      const auto& [red, green, blue] = palette.colours[i];
      const uint32_t word = 0xffu << 24 | uint32_t{red} << 16 | uint32_t{green} << 8 | blue;
      std::memcpy(frame_->data[1] + i * sizeof word, &word, sizeof word);
    }
    const auto width = static_cast<size_t>(codec_->width);
    std::vector<uint8_t> indices(width * codec_->height);
    apply_palette(palette, rgb, width, indices);
    for (ptrdiff_t y = 0; y < codec_->height; ++y) {
      std::memcpy(frame_->data[0] + y * frame_->linesize[0], indices.data() + y * width, width);
    }
  }

  // Hands one frame to the encoder (null: there are no more) and passes on what comes out.
  Status encode(const AVFrame* frame) {
    WAN_TRY_VOID(check(avcodec_send_frame(codec_.get(), frame), "encoding"));
    for (;;) {
      const int code = avcodec_receive_packet(codec_.get(), packet_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return {};
      WAN_TRY_VOID(check(code, "encoding"));
      packet_->duration = 1;
      WAN_TRY_VOID(filter_ ? filter(packet_.get()) : store());
    }
  }

  Status filter(AVPacket* packet) {
    WAN_TRY_VOID(check(av_bsf_send_packet(filter_.get(), packet), recipe_.filter));
    for (;;) {
      const int code = av_bsf_receive_packet(filter_.get(), packet_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return {};
      WAN_TRY_VOID(check(code, recipe_.filter));
      WAN_TRY_VOID(store());
    }
  }

  Status store() {
    packet_->stream_index = stream_->index;
    av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
    return check(av_interleaved_write_frame(format_.get(), packet_.get()), "writing the file");
  }

  const Recipe& recipe_;
  std::unique_ptr<AVCodecContext, FreeCodec> codec_;
  std::unique_ptr<AVFormatContext, FreeFormat> format_;
  std::unique_ptr<AVBSFContext, FreeFilter> filter_;  // null: the packets go as they are
  std::unique_ptr<AVFrame, FreeFrame> frame_;
  std::unique_ptr<AVPacket, FreePacket> packet_;
  AVStream* stream_ = nullptr;  // owned by format_
  int64_t next_pts_ = 0;
};

}  // namespace

Result<std::unique_ptr<FrameWriter>> open_movie(const std::filesystem::path& path, VideoFormat format,
                                                const FrameSettings& settings) {
  av_log_set_level(AV_LOG_ERROR);
  auto writer = std::make_unique<MovieWriter>(recipe_of(format));
  WAN_TRY_VOID(writer->open(path, settings));
  return writer;
}

}  // namespace wan::media
