"""Every kind of image that cv2 reads, decoded by the service as cv2.imread does it by default."""

import io
import struct
import zlib

import cv2
import numpy as np
import PIL.Image
import pytest

from client import array_of, error_of
from conftest import load


@pytest.fixture(scope='module')
def picture(demo_images):
    """A BGR image with detail, its sides no multiples of 8."""
    scene = next(path for path in demo_images if path.name.startswith('scene'))
    return np.ascontiguousarray(load(scene)[101:318, 77:410])


@pytest.fixture(scope='module')
def alpha(picture):
    """Another channel, smooth and never constant."""
    rows, cols = picture.shape[:2]
    return np.add.outer(np.arange(rows), np.arange(cols)).astype(np.uint8)


def opencv(suffix, image, *parameters):
    ok, data = cv2.imencode(suffix, image, list(parameters))
    assert ok
    return data.tobytes()


def pillow(image, kind, **parameters):
    stream = io.BytesIO()
    image.save(stream, kind, **parameters)
    return stream.getvalue()


def pil(picture, mode='RGB'):
    return PIL.Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).convert(mode)


def exif(orientation):
    tags = PIL.Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def with_alpha(picture, alpha):
    return np.dstack([picture, alpha])


def interlaced_png(picture):
    """Adam7, which neither Pillow nor cv2 writes: the seven passes, unfiltered."""
    rows, cols = picture.shape[:2]
    data = b''
    for top, left, down, right in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
                                   (1, 0, 2, 1)):
        for line in picture[top::down, left::right, ::-1]:
            data += b'\0' + line.tobytes()

    def chunk(kind, content):
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    header = struct.pack('>IIBBBBB', cols, rows, 8, 2, 0, 0, 1)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(data)) + chunk(b'IEND', b'')


def top_down_bmp(picture):
    """24 bits, the top row first: a negative height."""
    rows, cols = picture.shape[:2]
    lines = b''.join(line.tobytes() + bytes(-cols * 3 % 4) for line in picture)
    header = struct.pack('<IiiHHIIiiII', 40, cols, -rows, 1, 24, 0, len(lines), 2835, 2835, 0, 0)
    return b'BM' + struct.pack('<IHHI', 54 + len(lines), 0, 0, 54) + header + lines


EXACT = {
    'jpeg baseline': lambda p, a: opencv('.jpg', p),
    'jpeg quality 30, 4:4:4': lambda p, a: pillow(pil(p), 'JPEG', quality=30, subsampling=0),
    'jpeg 4:2:2': lambda p, a: pillow(pil(p), 'JPEG', quality=80, subsampling=1),
    'jpeg progressive': lambda p, a: opencv('.jpg', p, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    'jpeg with restart intervals': lambda p, a: opencv('.jpg', p, cv2.IMWRITE_JPEG_RST_INTERVAL, 3),
    'jpeg grey': lambda p, a: pillow(pil(p, 'L'), 'JPEG'),
    'jpeg of one pixel': lambda p, a: opencv('.jpg', p[:1, :1]),
    **{f'jpeg turned as EXIF {turn}': lambda p, a, turn=turn: pillow(pil(p), 'JPEG', exif=exif(turn))
       for turn in range(1, 9)},
    'jpeg with a wrong EXIF orientation': lambda p, a: pillow(pil(p), 'JPEG', exif=exif(9)),
    'png': lambda p, a: opencv('.png', p),
    'png grey': lambda p, a: pillow(pil(p, 'L'), 'PNG'),
    'png grey with alpha': lambda p, a: pillow(
        PIL.Image.merge('LA', [pil(p, 'L'), PIL.Image.fromarray(a)]), 'PNG'),
    'png with alpha': lambda p, a: opencv('.png', with_alpha(p, a)),
    'png palette': lambda p, a: pillow(pil(p).quantize(200), 'PNG'),
    'png palette of 4 bits': lambda p, a: pillow(pil(p).quantize(13), 'PNG', bits=4),
    'png palette with a transparent colour': lambda p, a: pillow(pil(p).quantize(200), 'PNG', transparency=3),
    'png of 1 bit': lambda p, a: pillow(pil(p, '1'), 'PNG'),
    'png of 16 bits': lambda p, a: opencv('.png', p.astype(np.uint16) * 250 + 7),
    'png of 16 bits, grey': lambda p, a: opencv('.png', p[:, :, 1].astype(np.uint16) * 250 + 7),
    'png of 16 bits with alpha': lambda p, a: opencv('.png', with_alpha(p, a).astype(np.uint16) * 250 + 7),
    'png interlaced': lambda p, a: interlaced_png(p),
    'webp lossless': lambda p, a: pillow(pil(p), 'WEBP', lossless=True),
    'webp lossless with alpha': lambda p, a: pillow(
        PIL.Image.fromarray(cv2.cvtColor(with_alpha(p, a), cv2.COLOR_BGRA2RGBA)), 'WEBP', lossless=True, exact=True),
    'bmp': lambda p, a: opencv('.bmp', p),
    'bmp top down': lambda p, a: top_down_bmp(p),
    'bmp with alpha': lambda p, a: opencv('.bmp', with_alpha(p, a)),
    'bmp grey': lambda p, a: pillow(pil(p, 'L'), 'BMP'),
    'bmp palette': lambda p, a: pillow(pil(p).quantize(200), 'BMP'),
    'bmp of 1 bit': lambda p, a: pillow(pil(p, '1'), 'BMP'),
}
WITHIN_2 = {
    'jpeg CMYK': lambda p, a: pillow(pil(p, 'CMYK'), 'JPEG', quality=90),
    'webp lossy': lambda p, a: opencv('.webp', p, cv2.IMWRITE_WEBP_QUALITY, 80),
    'webp lossy with alpha': lambda p, a: pillow(
        PIL.Image.fromarray(cv2.cvtColor(with_alpha(p, a), cv2.COLOR_BGRA2RGBA)), 'WEBP', quality=80),
}


def as_opencv(data):
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None, 'OpenCV cannot read it either'
    return image


@pytest.mark.smoke
@pytest.mark.parametrize('kind', EXACT)
def test_decoded_bit_for_bit(demo, picture, alpha, kind):
    data = EXACT[kind](picture, alpha)
    pixels = array_of(demo.client.post_file('/test/file', data))
    np.testing.assert_array_equal(pixels, as_opencv(data))


@pytest.mark.smoke
@pytest.mark.parametrize('kind', WITHIN_2)
def test_decoded_within_2(demo, picture, alpha, kind):
    data = WITHIN_2[kind](picture, alpha)
    pixels = array_of(demo.client.post_file('/test/file', data)).astype(int)
    expected = as_opencv(data).astype(int)
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).max() <= 2


@pytest.mark.parametrize('encode, name', [('.png', 'image.jpg'), ('.jpg', 'image.png'), ('.bmp', 'image.webp'),
                                          ('.webp', 'image')])
def test_content_decides_and_not_the_name(start, models, tmp_path, picture, encode, name):
    data = opencv(encode, picture)
    path = tmp_path / name
    path.write_bytes(data)
    service = start(models, '--load', 'none', allow=[tmp_path])
    expected = as_opencv(data)
    by_path = array_of(service.client.post_path('/test/path', path)).astype(int)
    by_file = array_of(service.client.post('/test/file', files={'file': (name, data, 'image/gif')})).astype(int)
    np.testing.assert_array_equal(by_path, by_file)
    assert np.abs(by_path - expected).max() <= (2 if encode == '.webp' else 0)


def test_alpha_and_grey_reach_the_model_as_three_channels(demo, picture, alpha):
    """The original kept the channels of a file from memory, and then failed."""
    for data in (opencv('.png', with_alpha(picture, alpha)), opencv('.png', picture[:, :, 1])):
        response = demo.client.post_file('/inference/file/digit_classifier', data)
        assert array_of(response).ndim == 1


@pytest.mark.parametrize('kind', ['jpeg baseline', 'jpeg progressive', 'png', 'png interlaced', 'webp lossless', 'bmp'])
def test_a_truncated_image_is_refused(demo, picture, alpha, kind):
    data = EXACT[kind](picture, alpha)
    for share in (0.1, 0.5, 0.9):
        error_of(demo.client.post_file('/test/file', data[:int(len(data) * share)]), 400)


def test_a_gif_is_refused_by_name_of_what_is_possible(demo, picture):
    message = error_of(demo.client.post_file('/test/file', pillow(pil(picture), 'GIF')), 400)
    assert 'JPEG' in message and 'PNG' in message
