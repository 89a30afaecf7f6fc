#pragma once
// What a wan-media process gives up before it touches bytes from outside. Linux, by seccomp; it holds until
// the process ends.

#include "base/result.h"

namespace wan::media {

// For decoders: no new privileges, no core dump, bounded memory and processor time; then only reading
// standard input, writing standard output and error, memory without execution, and ending. Any other call
// ends the process with SIGSYS. REQUIRES a single thread. An error means that nothing may be decoded.
[[nodiscard]] Status enter_decoder_sandbox();

// For encoders, whose frames are our own but whose libraries are large: files may be written and threads
// started, but no network, no program, no other process. Calls beyond that fail with EPERM; the process goes
// on. Where the kernel offers no seccomp it does nothing.
void enter_encoder_sandbox();

}  // namespace wan::media
