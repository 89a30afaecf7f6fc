#include "runtime/weights/pickle_opcodes.h"

#include <fmt/format.h>
#include <string_view>

namespace wan::weights {
namespace {

struct Name {
  uint8_t opcode;
  std::string_view name;
};
// Those that are refused.
constexpr Name kNames[] = {{'0', "POP"},
                           {'1', "POP_MARK"},
                           {'2', "DUP"},
                           {'F', "FLOAT"},
                           {'I', "INT"},
                           {'L', "LONG"},
                           {'P', "PERSID"},
                           {'S', "STRING"},
                           {'T', "BINSTRING"},
                           {'U', "SHORT_BINSTRING"},
                           {'V', "UNICODE"},
                           {'a', "APPEND"},
                           {'d', "DICT"},
                           {'e', "APPENDS"},
                           {'g', "GET"},
                           {'i', "INST"},
                           {'l', "LIST"},
                           {']', "EMPTY_LIST"},
                           {'o', "OBJ"},
                           {'p', "PUT"},
                           {'G', "BINFLOAT"},
                           {'B', "BINBYTES"},
                           {'C', "SHORT_BINBYTES"},
                           {0x81, "NEWOBJ"},
                           {0x82, "EXT1"},
                           {0x83, "EXT2"},
                           {0x84, "EXT4"},
                           {0x8b, "LONG4"},
                           {0x8c, "SHORT_BINUNICODE"},
                           {0x8d, "BINUNICODE8"},
                           {0x8e, "BINBYTES8"},
                           {0x8f, "EMPTY_SET"},
                           {0x90, "ADDITEMS"},
                           {0x91, "FROZENSET"},
                           {0x92, "NEWOBJ_EX"},
                           {0x93, "STACK_GLOBAL"},
                           {0x94, "MEMOIZE"},
                           {0x95, "FRAME"},
                           {0x96, "BYTEARRAY8"},
                           {0x97, "NEXT_BUFFER"},
                           {0x98, "READONLY_BUFFER"}};

}  // namespace

std::string opcode_name(uint8_t opcode) {
  for (const Name& row : kNames) {
    if (row.opcode == opcode) return std::string(row.name);
  }
  return fmt::format("0x{:02x}", opcode);
}

}  // namespace wan::weights
