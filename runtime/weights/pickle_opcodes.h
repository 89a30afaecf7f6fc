#pragma once
// Opcodes of Python's pickle format: those that the reader knows, and the names of all for messages.

#include <cstdint>
#include <string>

namespace wan::weights {

inline constexpr uint8_t kMark = '(', kStop = '.', kProto = 0x80, kNone = 'N', kNewTrue = 0x88,
                         kNewFalse = 0x89, kBinInt = 'J', kBinInt1 = 'K', kBinInt2 = 'M', kLong1 = 0x8a,
                         kBinUnicode = 'X', kEmptyDict = '}', kEmptyTuple = ')', kTuple = 't', kTuple1 = 0x85,
                         kTuple2 = 0x86, kTuple3 = 0x87, kBinPut = 'q', kLongBinPut = 'r', kBinGet = 'h',
                         kLongBinGet = 'j', kSetItem = 's', kSetItems = 'u', kGlobal = 'c', kBinPersId = 'Q',
                         kReduce = 'R', kBuild = 'b';

// "STACK_GLOBAL", or "0xff" for a byte that is no opcode.
[[nodiscard]] std::string opcode_name(uint8_t opcode);

}  // namespace wan::weights
