#!/usr/bin/env python3
"""make_text_tables.py : writes the tables of runtime/tokenizer/clean that are facts of Unicode, HTML and old code pages, as Python knows
them: html_entities.inc and code_pages.inc. Run it by hand after a change here; the results are committed.
"""
import html
import html.entities
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "runtime/tokenizer/clean"
HEADER = "// Written by tests/tools/make_text_tables.py.\n"
WIDTH = 108
ESCAPED = {"\t": "\\t", "\n": "\\n", '"': '\\"', "\\": "\\\\"}

# In the order in which the official cleaning tries them.
CODE_PAGES = ["latin-1", "windows-1252", "windows-1251", "windows-1250", "windows-1253", "windows-1254", "windows-1257",
              "iso-8859-2", "macroman", "cp437"]


def c_character(c):
    if c in ESCAPED:
        return ESCAPED[c]
    if c.isascii():
        return c
    return f"\\u{ord(c):04X}" if ord(c) < 0x10000 else f"\\U{ord(c):08X}"


def c_string(text):
    return 'U"' + "".join(c_character(c) for c in text) + '"'


def wrap(items):
    lines, line = [], ""
    for item in items:
        if len(line) + len(item) + 2 > WIDTH:
            lines.append(line)
            line = ""
        line += (" " if line else "") + item + ","
    return "\n".join(lines + [line]) + "\n"


def upper_cased(entities):
    """Names written in capitals by mistake, where that is no name of its own."""
    names = {}
    for name, text in entities.items():
        shouted = "&" + name.upper()
        if name.endswith(";") and name == name.lower() and html.unescape(shouted) == shouted:
            names[name.upper()] = text.upper()
    return names


def entity_table(name, entities):
    rows = [f'{{"{key}", {c_string(text)}}}' for key, text in sorted(entities.items())]
    return f"constexpr Entity {name}[] = {{\n{wrap(rows)}}};\n"


def upper_half(page):
    """What the bytes 80 to FF mean; a byte without a meaning is the control character of the same number."""
    for byte in range(0x80, 0x100):
        character = bytes([byte]).decode(page, errors="replace")
        yield byte if character == "\ufffd" else ord(character)


def main():
    entities = html.entities.html5
    (FOLDER / "html_entities.inc").write_text(
        HEADER + entity_table("kEntities", entities) + entity_table("kUpperCasedEntities", upper_cased(entities)))
    pages = [f"{{  // {page}\n{wrap([f'0x{c:04X}' for c in upper_half(page)])}}},\n" for page in CODE_PAGES]
    (FOLDER / "code_pages.inc").write_text(
        HEADER + f"constexpr char16_t kUpperHalves[{len(CODE_PAGES)}][128] = {{\n{''.join(pages)}}};\n")


main()
