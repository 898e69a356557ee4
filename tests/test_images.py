"""Every kind of image that cv2 reads, decoded by the service as cv2.imread does it by default."""

import base64
import gzip
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


def tiff(picture, mode='RGB', **parameters):
    return pillow(pil(picture, mode), 'TIFF', **parameters)


def pnm(kind, picture, top, data):
    rows, cols = picture.shape[:2]
    return f'P{kind}\n# made by hand\n{cols} {rows}\n{top}\n'.encode() + data


def as_text(samples):
    return ' '.join(map(str, samples.ravel())).encode() + b'\n'


def with_webp_exif(data, orientation, prefix):
    """The same WebP with an EXIF chunk that begins with `prefix`, as Pillow before 9.3 wrote it."""
    turned = pillow(PIL.Image.open(io.BytesIO(data)), 'WEBP', lossless=True, exif=exif(orientation))
    at = turned.index(b'EXIF')
    size, = struct.unpack('<I', turned[at + 4:at + 8])
    content = prefix + turned[at + 8:at + 8 + size].removeprefix(b'Exif\0\0')
    content += b'\0' * (len(content) % 2)
    body = turned[8:at] + b'EXIF' + struct.pack('<I', len(content)) + content
    return b'RIFF' + struct.pack('<I', len(body)) + body


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
    **{f'tiff {kind}': lambda p, a, kind=kind: tiff(p, compression=kind)
       for kind in ('raw', 'tiff_lzw', 'tiff_deflate', 'tiff_adobe_deflate', 'packbits')},
    'tiff of 1 bit, fax': lambda p, a: tiff(p, '1', compression='group4'),
    'tiff grey': lambda p, a: tiff(p, 'L'),
    'tiff palette': lambda p, a: pillow(pil(p).quantize(200), 'TIFF'),
    'tiff with alpha': lambda p, a: opencv('.tiff', with_alpha(p, a)),
    'tiff of 16 bits': lambda p, a: opencv('.tiff', p.astype(np.uint16) * 250 + 7),
    'tiff of 16 bits, grey': lambda p, a: opencv('.tiff', p[:, :, 1].astype(np.uint16) * 250 + 7),
    'tiff CMYK': lambda p, a: tiff(p, 'CMYK'),
    'tiff in strips': lambda p, a: tiff(p, compression='tiff_lzw', strip_size=7000),
    **{f'tiff turned as {turn}': lambda p, a, turn=turn: tiff(p, tiffinfo={0x112: turn}) for turn in range(1, 5)},
    'pbm as text': lambda p, a: pnm(1, p, '', as_text((p[:, :, 1] > 127).astype(int))),
    'pbm': lambda p, a: pnm(4, p, '', np.packbits(p[:, :, 1] > 127, axis=1).tobytes()),
    'pgm as text': lambda p, a: pnm(2, p, '15', as_text(p[:, :, 1] >> 4)),
    'pgm': lambda p, a: pnm(5, p, '255', p[:, :, 1].tobytes()),
    'pgm of 16 bits': lambda p, a: pnm(5, p, '65535', (p[:, :, 1].astype('>u2') * 257).astype('>u2').tobytes()),
    'ppm as text': lambda p, a: pnm(3, p, '255', as_text(p[:, :, ::-1])),
    'ppm': lambda p, a: opencv('.ppm', p),
}
WITHIN_2 = {
    'jpeg CMYK': lambda p, a: pillow(pil(p, 'CMYK'), 'JPEG', quality=90),
    'tiff of JPEG': lambda p, a: tiff(p, compression='jpeg'),
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


@pytest.mark.parametrize('prefix', [b'', b'Exif\0\0'])
def test_webp_is_turned_with_and_without_the_prefix_of_jpeg(demo, picture, prefix):
    """As Pillow does it; cv2 overlooks EXIF with the prefix."""
    data = with_webp_exif(pillow(pil(picture), 'WEBP', lossless=True), 6, prefix)
    np.testing.assert_array_equal(array_of(demo.client.post_file('/test/file', data)), np.rot90(picture, -1))


@pytest.mark.parametrize('turn', range(5, 9))
def test_a_tiff_is_transposed(demo, picture, turn):
    """Orientations that cv2 5 cannot read, cv2 4 can."""
    stored = array_of(demo.client.post_file('/test/file', tiff(picture)))
    turned = array_of(demo.client.post_file('/test/file', tiff(picture, tiffinfo={0x112: turn})))
    expected = stored.transpose(1, 0, 2)
    if turn in (6, 7):
        expected = expected[:, ::-1]
    if turn in (7, 8):
        expected = expected[::-1]
    np.testing.assert_array_equal(turned, expected)


def by_imread(folder, data):
    """What cv2.imread gives, which reads damaged files that cv2.imdecode refuses."""
    path = folder / 'image'
    path.write_bytes(data)
    return cv2.imread(str(path))


@pytest.mark.parametrize('kind', ['jpeg baseline', 'jpeg grey', 'jpeg progressive', 'jpeg with restart intervals',
                                  'jpeg turned as EXIF 6'])
def test_a_jpeg_without_its_end_marker(demo, picture, alpha, tmp_path, kind):
    """Cameras leave it out. All of the picture is there."""
    data = EXACT[kind](picture, alpha)
    assert data.endswith(b'\xff\xd9')
    for cut in (data[:-1], data[:-2], data[:-2] + bytes(7)):
        response = demo.client.post_file('/test/file', cut)
        np.testing.assert_array_equal(array_of(response), as_opencv(data))
        assert 'X-Image-Warning' not in response.headers
    np.testing.assert_array_equal(by_imread(tmp_path, data[:-2]), as_opencv(data))


def damaged_jpegs(picture, alpha):
    """Packets lost on the way, a missing restart interval, and a file that ends early."""
    plain = EXACT['jpeg baseline'](picture, alpha)
    middle = len(plain) // 2
    restarts = EXACT['jpeg with restart intervals'](picture, alpha)
    marker = restarts.index(b'\xff\xd3')
    return {'lost kilobyte': plain[:middle] + plain[middle + 1024:],
            'lost interval': restarts[:marker] + restarts[restarts.index(b'\xff\xd4'):],
            'cut off': plain[:-3000],
            'cut off, with an end marker': plain[:-3000] + b'\xff\xd9'}


def test_a_damaged_jpeg_is_refused_unless_it_is_wanted(demo, start, models, picture, alpha, tmp_path):
    tolerant = start(models, '--accept-damaged-images', allow=[tmp_path])
    model = '/classify/file/digit_classifier'
    for what, data in damaged_jpegs(picture, alpha).items():
        assert '--accept-damaged-images' in error_of(demo.client.post_file('/test/file', data), 400), what
        response = tolerant.client.post_file('/test/file', data)
        np.testing.assert_array_equal(array_of(response), by_imread(tmp_path, data), err_msg=what)
        assert 'JPEG image: ' in response.headers['X-Image-Warning']
        response = tolerant.client.post_file(model, data)
        assert response.status_code == 200 and 'X-Image-Warning' in response.headers, what
        path = tmp_path / 'damaged.jpg'
        path.write_bytes(data)
        assert 'X-Image-Warning' in tolerant.client.post_path('/test/path', path).headers
    whole = tolerant.client.post_file(model, EXACT['jpeg baseline'](picture, alpha))
    assert whole.status_code == 200 and 'X-Image-Warning' not in whole.headers
    for kind in ('png', 'webp lossless', 'bmp'):  # OpenCV gives no picture of these.
        data = EXACT[kind](picture, alpha)
        error_of(tolerant.client.post_file('/test/file', data[:len(data) * 9 // 10]), 400)


def test_large_photos_are_answered(demo, picture):
    """50 megapixels, and a panorama wider than 16,384."""
    for rows, cols in ((6144, 8192), (1200, 20_000)):
        data = opencv('.jpg', cv2.resize(picture, (cols, rows)))
        response = demo.client.post_file('/classify/file/digit_classifier', data)
        assert response.status_code == 200, response.text


def test_too_large_images_name_their_option(start, models, picture):
    service = start(models, '--load', 'none', '--max-image-pixels', '10000', '--max-image-dimension', '500',
                    '--max-decode-bytes', '1MiB')
    for encode in ('.jpg', '.png', '.bmp', '.webp', '.tiff', '.ppm'):
        for shape, option, value in (((200, 100), '--max-image-pixels', 10_000), ((501, 3), '--max-image-dimension', 500)):
            data = opencv(encode, np.zeros((*shape, 3), np.uint8))
            message = error_of(service.client.post_file('/test/file', data), 413)
            assert option in message and f'{value}' in message and f'{shape[1]} x {shape[0]}' in message
    data = opencv('.jpg', cv2.resize(picture, (600, 600)))
    roomy = start(models, '--load', 'none', '--max-decode-bytes', '1MiB')
    assert '--max-decode-bytes' in error_of(roomy.client.post_file('/test/file', data), 413)


OTHERS = {
    'GIF': lambda p: pillow(pil(p), 'GIF'),
    'HEIC': lambda p: b'\0\0\0\x18ftypheic\0\0\0\0mif1heic' + bytes(200),
    'AVIF': lambda p: b'\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf' + bytes(200),
    'JPEG XL': lambda p: b'\xff\x0a' + bytes(range(100)),
    'JPEG 2000': lambda p: opencv('.jp2', p),
    'SVG': lambda p: b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    'PDF': lambda p: b'%PDF-1.7\n%\xe2\xe3\xcf\xd3',
    'HTML': lambda p: b'<!DOCTYPE html><html><body>404</body></html>',
    'base64': lambda p: base64.b64encode(opencv('.jpg', p)),
    'data URL': lambda p: b'data:image/png;base64,' + base64.b64encode(opencv('.png', p)),
    'JSON': lambda p: b'{"image": "/9j/"}',
    'Git LFS': lambda p: b'version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12345\n',
    'MP4': lambda p: b'\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41' + bytes(100),
    'WebM': lambda p: b'\x1a\x45\xdf\xa3' + bytes(100),
    'AVI': lambda p: b'RIFF\1\2\3\4AVI LIST' + bytes(100),
    'NumPy': lambda p: b'\x93NUMPY\1\0v\0' + bytes(100),
    'gzip': lambda p: gzip.compress(opencv('.bmp', p)),
    'ZIP': lambda p: b'PK\3\4' + bytes(100),
    'read as text': lambda p: opencv('.jpg', p).decode('utf-8', 'replace').encode(),
}


@pytest.mark.parametrize('what', OTHERS)
def test_what_arrived_is_named(demo, picture, what):
    message = error_of(demo.client.post_file('/test/file', OTHERS[what](picture)), 400)
    assert what in message and 'JPEG' in message and 'PNG' in message
    assert ';' in message, 'it says what to do'


def test_an_empty_image_is_named(demo):
    assert 'empty' in error_of(demo.client.post_file('/test/file', b''), 400)
