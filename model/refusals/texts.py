"""Texts: what was stored in place of a photograph, from a storage's error to the photograph in base64."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Callable
from typing import Final

Kind = Callable[[bytes], str]

ODD: Final = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""What no text has."""

PROLOGUE: Final = re.compile(
    r"\s*(?:<\?xml.*?\?>|<\?xpacket.*?\?>|<!--.*?-->|<!DOCTYPE\s[^>\[]*(?:\[.*?\]\s*)?>)",
    re.DOTALL | re.IGNORECASE,
)
PAGE: Final = re.compile(r"\s*<!doctype\s+html", re.IGNORECASE)
ROOT: Final = re.compile(r"\s*<([A-Za-z_][\w.:-]*)")
CODE: Final = re.compile(r"<Code>\s*([\w.-]{1,64})\s*</Code>")
JSON: Final = re.compile(r"\s*(?:(\{)\s*[\"}]|(\[)\s*[\[{\"\-\dtfn\]])")
FAILED: Final = re.compile(r"\s*\{\s*\"error\":\s*\{\s*\"code\":\s*(\d{3})\b")
"""As Google Cloud Storage answers in JSON."""
BASE64: Final = re.compile(r"[\"'(\s]*([A-Za-z0-9+/_-]{16,})")
URL: Final = re.compile(r"\s*[\"'(]*data:([\w.+/-]{0,64})[^,]{0,64},", re.IGNORECASE)
HEX: Final = re.compile(r"(?:0x|\\x)?((?:[0-9a-fA-F]{2}[\s]?){16,})")

NETPBM: Final = re.compile(rb"P[1-7Ff][ \t\r\n#]")

ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]{1,15}://\S{1,2000}", re.IGNORECASE)

SAMPLE, ROWS = 4_000, 5
"""Characters and rows of a table that are looked at: the last row of the file's beginning may be cut."""

WEB: Final = frozenset({"html", "head", "body", "script", "title", "meta", "div", "p", "h1", "center"})

STARTS: Final = (
    ("version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file that it stands for"),
    ("<?php", "a PHP script"),
    ("#!", "a script"),
    ("-----BEGIN ", "a PEM file: a key, a certificate, or what was encrypted"),
    ("b'", "bytes as Python prints them (b'...')"),
    ('b"', "bytes as Python prints them (b'...')"),
    ("/* XPM */", "an XPM image"),
    ("#define ", "an XBM image or a program's source"),
    ("#EXTM3U", "a playlist (M3U)"),
    ("[InternetShortcut]", "a link to a web page"),
    ("[.ShellClassInfo]", "a desktop.ini, Windows's notes on a folder"),
)
"""(beginning, name), behind what is white."""

REPLY: Final = re.compile(rb"HTTP/\d")
REQUEST: Final = re.compile(rb"(?:GET|PUT|POST) \S{1,1000} HTTP/")
FORM: Final = re.compile(
    rb"--[^\r\n]{1,100}\r?\n(?:[\w-]+:[^\r\n]*\r?\n)*?content-disposition:", re.IGNORECASE
)

WRAPPINGS: Final = (
    (FORM, "the body of a web form (multipart/form-data) with the file inside"),
    (REPLY, "an HTTP response that was stored as it came, with its headers"),
    (REQUEST, "an HTTP request that was stored as it came, with its headers"),
)
"""Texts that binary bytes may follow."""


def kind(head: bytes, *, inside: Kind) -> str:
    """What it is, with its article; empty for what is no text. `inside` names what stands in it as base64."""
    for wrapping, name in WRAPPINGS:
        if wrapping.match(head):
            return name
    if NETPBM.match(head):
        return "a PNM image (PBM, PGM, PPM, PAM or PFM)"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "a text in UTF-16"
    if ODD.search(head):
        return ""
    text = head.decode("utf-8-sig", "replace")
    if text.count("\ufffd") > len(text) // 4:
        return ""
    return _encoded(text, inside) or _named(text.lstrip()) or _table(text)


def _named(text: str) -> str:
    for beginning, name in STARTS:
        if text.startswith(beginning):
            return name
    if found := FAILED.match(text):
        return f"an error message of object storage ({found[1]})"
    if found := JSON.match(text):
        return "a JSON object" if found[1] else "a JSON array"
    return _marked(text)


def _marked(text: str) -> str:
    """Of HTML, SVG, XML: by the first element, behind what may stand in front of it."""
    declared = text.startswith("<?xml")
    while found := PROLOGUE.match(text):
        if PAGE.match(found[0]):
            return "a web page"
        text = text[found.end() :]
    if root := ROOT.match(text):
        return _rooted(root[1], text)
    return "an XML document" if declared else ""


def _rooted(root: str, text: str) -> str:
    if root.lower() in WEB:
        return "a web page"
    if root.rpartition(":")[2] == "svg":
        return "an SVG drawing"
    if root in {"Error", "ErrorResponse"} and (code := CODE.search(text)):
        return f"an error message of object storage ({code[1]})"
    return "metadata of a photograph (XMP)" if root == "x:xmpmeta" else f"an XML document ({root[:64]})"


def _encoded(text: str, inside: Kind) -> str:
    if found := URL.match(text):
        name = inside(_from_base64(text[found.end() : found.end() + 64])) if ";base64" in found[0] else ""
        return f"a data: URL with base64 text of {name}" if name else "a data: URL"
    if (found := BASE64.match(text)) and (name := inside(_from_base64(found[1][:64]))):
        return f"base64 text of {name}"
    if (found := HEX.match(text.strip())) and (name := inside(bytes.fromhex("".join(found[1].split())[:64]))):
        return f"hexadecimal text of {name}"
    return ""


def _from_base64(text: str) -> bytes:
    plain = re.sub(r"\s", "", text).replace("-", "+").replace("_", "/")
    try:
        return b64decode(plain[: len(plain) // 4 * 4])
    except Error:
        return b""


def _table(text: str) -> str:
    """Rows of as many separators each, or just a text."""
    if not text.strip():
        return "white space only"
    if ADDRESS.fullmatch(text.strip()):
        return "a web address, not what lies there"
    rows = [row for row in text[:SAMPLE].splitlines() if row.strip()][:ROWS]
    for separator in ",;\t":
        counts = {row.count(separator) for row in rows}
        if len(rows) > 1 and len(counts) == 1 and counts != {0}:
            return "a CSV table"
    return "a plain text"
