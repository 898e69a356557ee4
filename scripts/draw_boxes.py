#!/usr/bin/env python3
"""Writes a picture with the boxes that a detector found, for ./demo. The service decodes the image; needs numpy alone.

Usage: draw_boxes.py URL MODEL IMAGE OUTPUT.png
"""

import io
import json
import struct
import sys
import urllib.request
import zlib

import numpy as np

COLORS = [(230, 60, 60), (50, 120, 220), (40, 150, 70), (200, 120, 0), (150, 60, 180), (0, 140, 150)]  # RGB.
THICKNESS = 2

# Digits of 3 columns and 5 rows, a bit a pixel.
DIGITS = ["111101101101111", "010110010010111", "111001111100111", "111001111001111", "101101111001001",
          "111100111001111", "111100111101111", "111001001001001", "111101111101111", "111101111001111"]


def call(url: str, image: bytes) -> bytes:
    request = urllib.request.Request(url, data=image, headers={"Content-Type": "application/octet-stream"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read()


def draw_number(pixels: np.ndarray, number: int, x: int, y: int, color: tuple, scale: int) -> None:
    """Draws a number in white on a ground of `color`, with its upper left corner at x, y."""
    bits = [np.array([int(bit) for bit in DIGITS[int(digit)]], bool).reshape(5, 3) for digit in str(number)]
    gap = np.zeros((5, 1), bool)
    row = np.hstack([gap] + [part for digit in bits for part in (digit, gap)])
    text = np.kron(np.pad(row, ((1, 1), (0, 0))), np.ones((scale, scale), bool))
    # The label stays inside the picture.
    x = max(0, min(x, pixels.shape[1] - text.shape[1]))
    y = max(0, min(y, pixels.shape[0] - text.shape[0]))
    ground = pixels[y : y + text.shape[0], x : x + text.shape[1]]
    ground[:] = color
    ground[text[: ground.shape[0], : ground.shape[1]]] = 255


def draw_box(pixels: np.ndarray, found: dict) -> None:
    color = COLORS[found["class"] % len(COLORS)]
    left, top = found["x"], found["y"]
    right, bottom = left + found["w"], top + found["h"]
    for edge in (
        np.s_[max(0, top - THICKNESS) : top + THICKNESS, left:right],
        np.s_[max(0, bottom - THICKNESS) : bottom + THICKNESS, left:right],
        np.s_[top:bottom, max(0, left - THICKNESS) : left + THICKNESS],
        np.s_[top:bottom, max(0, right - THICKNESS) : right + THICKNESS],
    ):
        pixels[edge] = color
    scale = max(2, pixels.shape[0] // 120)
    # Class 1 of the demo's detector is the digit 0.
    draw_number(pixels, found["class"] - 1, left, top - 7 * scale, color, scale)


def write_png(path: str, pixels: np.ndarray) -> None:
    """Writes 8-bit RGB, without compression of its own beyond zlib's."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = pixels.shape
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels.reshape(height, 3 * width)])
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b""))


def main() -> int:
    url, model, path, output = sys.argv[1:]
    with open(path, "rb") as file:
        image = file.read()
    pixels = np.load(io.BytesIO(call(f"{url}/test/file", image)))[:, :, ::-1].copy()  # BGR to RGB.
    found = json.loads(call(f"{url}/detect/file/{model}?all=1&threshold=0.5", image))
    for box in found:
        draw_box(pixels, box)
    write_png(output, pixels)
    print(f"{len(found)} boxes are drawn in {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
