"""What strangers may send, as large as one likes."""

from base64 import urlsafe_b64encode

from tests.attacks.growth import Made
from tests.sample_content import BOUNDARY

JSON_BODIES: dict[str, Made] = {
    "a string of escapes without an end": lambda size: b"[" * 600 + b'"' + b'\\"' * (size // 2),
    "a string of escapes": lambda size: b"[" * 600 + b'"' + b'\\"' * (size // 2) + b'"',
    "many strings of escapes": lambda size: b"[" * 600 + (b'"' + b'\\"' * 8 + b'",') * (size // 19),
    "strings without an end in strings": lambda size: b"[" * 600 + b'"\\' * (size // 2),
    "a backslash after each quote": lambda size: b"[" * 600 + b'\\"' * (size // 2),
    "text without an end": lambda size: b"[" * 600 + b'"' + b"a" * size,
    "quotes": lambda size: b"[" * 600 + b'"' * size,
    "digits": lambda size: b"9" * size,
    "digits after a point": lambda size: b"0." + b"9" * size,
    "an exponent": lambda size: b"1e" + b"9" * size,
    "spaces": lambda size: b" " * size,
    "members": lambda size: b"{" + b'"a":11111111111111111,' * (size // 22) + b'"a":1}',
    "members of many names": lambda size: b"{" + b",".join(b'"%020d":1' % n for n in range(size // 25)) + b"}",
    "a flat array": lambda size: b"[" + b"1111111111111111111," * (size // 20) + b"1]",
    "numbers as large as there are": lambda size: b"[" + b"1.7976931348623157e308," * (size // 23) + b"1]",
    "empty strings": lambda size: b"[" * 600 + b'"' * (size // 3 * 2) + b"]" * 600,
}
DISPOSITIONS: dict[str, Made] = {
    "a name without an end": lambda size: b'form-data; name="' + b'\\"' * (size // 2),
    "names without an end": lambda size: b"form-data" + b';a="\\' * (size // 5),
    "semicolons": lambda size: b";" * size,
    "spaces": lambda size: b"; " + b" " * size,
    "a parameter without a value": lambda size: b";" + b"a" * size,
    "parameters": lambda size: b"; a=b" * (size // 5),
    "escapes in percent": lambda size: b"; filename*=utf-8''" + b"%41" * (size // 3),
}
FIELD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{{}}"\r\n\r\n'
FILE = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
FORMS: dict[str, Made] = {
    "a file of line breaks": lambda size: FILE + b"\r\n" * (size // 2),
    "a file of beginnings of the boundary": lambda size: FILE + b"\r\n--a-boundar" * (size // 13),
    "a file of hyphens": lambda size: FILE + b"\r\n" + b"-" * size,
    "a file of carriage returns": lambda size: FILE + b"\r" * size,
    "fields": lambda size: b"".join(FIELD.format(n).encode() + b"\r\n" for n in range(size // 70)),
    "a field of line breaks": lambda size: FIELD.format("a").encode() + b"\r\n" * (size // 2),
    "headers": lambda size: f"--{BOUNDARY}\r\n".encode() + b"a:b\r\n" * (size // 5),
    "a header without an end": lambda size: f"--{BOUNDARY}\r\na:".encode() + b" " * size,
    "the name of a header": lambda size: f"--{BOUNDARY}\r\n".encode() + b"a" * size,
    "something before the form": lambda size: b"\r\n--" * (size // 4),
    "something behind the form": lambda size: FILE + f"\r\n--{BOUNDARY}--".encode() + b"\r\n" * (size // 2),
}
COOKIES: dict[str, Made] = {
    "backslashes": lambda size: 'session="' + "\\" * size + '"',
    "escapes": lambda size: 'session="' + "\\a" * (size // 2) + '"',
    "escapes in others": lambda size: "session=x; other=" + '"' + "\\a" * (size // 2) + '"',
    "escapes in many": lambda size: ('session="' + "\\a" * 1000 + '";') * (size // 2000),
    "semicolons": lambda size: ";" * size,
    "spaces": lambda size: "session=" + " " * size + "x",
    "many": lambda size: "; ".join(f"session={number}" for number in range(size // 16)),
    "equals signs": lambda size: "session" + "=" * size,
}
CONTENT_TYPES: dict[str, Made] = {
    "semicolons": lambda size: "multipart/form-data" + ";" * size,
    "escapes": lambda size: 'multipart/form-data; boundary="' + '\\"' * (size // 2),
    "parameters": lambda size: "multipart/form-data" + "; a=b" * (size // 5),
    "parameters in parts": lambda size: "multipart/form-data" + "".join(f"; a*{n}=b" for n in range(size // 9)),
    "spaces": lambda size: "multipart/form-data;" + " " * size + "x",
}
TOKENS: dict[str, Made] = {
    "dots": lambda size: "." * size,
    "letters": lambda size: "A" * size + ".A.A",
    "a header of brackets": lambda size: _base64(b"[" * (size * 3 // 4)) + ".e30.A",
    "a header of digits": lambda size: _base64(b'{"alg":' + b"9" * (size * 3 // 4) + b"}") + ".e30.A",
    "a payload": lambda size: _base64(b'{"alg":"HS256"}') + "." + "A" * size + ".A",
    "a signature": lambda size: _base64(b'{"alg":"HS256"}') + ".e30." + "A" * size,
    "spaces": lambda size: "A" + " " * size + "A",
}
ORIGINS: dict[str, Made] = {
    "digits": lambda size: "http://localhost:" + "1" * size,
    "letters": lambda size: "http://" + "a" * size,
    "colons": lambda size: "http://localhost" + ":" * size,
    "brackets": lambda size: "http://" + "[" * size,
    "signs of addresses": lambda size: "http://" + "@" * size,
}
QUERIES: dict[str, Made] = {
    "parameters": lambda size: b"a=b&" * (size // 4),
    "inputs": lambda size: b"input=1&" * (size // 8),
    "escapes": lambda size: b"input=" + b"%22" * (size // 3),
    "an input": lambda size: b"input=" + b"[" * 600 + b'"' + b'\\"' * (size // 2),
    "ampersands": lambda size: b"&" * size,
    "semicolons": lambda size: b"input=" + b";" * size,
}
PATHS: dict[str, Made] = {
    "escapes": lambda size: b"%41" * (size // 3),
    "broken escapes": lambda size: b"%4" * (size // 2),
    "commas": lambda size: b"," * size,
    "slashes": lambda size: b"/" * size,
}
NAMES: dict[str, Made] = {
    "dots": lambda size: "." * size,
    "dashes": lambda size: "-" * size + "!",
    "spaces": lambda size: " " * size,
    "combining marks": lambda size: "e" + "\u0301" * size,
}
RANGES: dict[str, Made] = {
    "digits": lambda size: "bytes=" + "1" * size,
    "commas": lambda size: "bytes=" + "1-1," * (size // 4),
    "hyphens": lambda size: "bytes=" + "-" * size,
}
MEMBERS: dict[str, Made] = {
    "letters": lambda size: "a" * size,
    "digits": lambda size: "9" * size,
    "spaces": lambda size: " " * size,
    "colons": lambda size: "a:" * (size // 2),
    "zeros": lambda size: "\0" * size,
    "combining marks": lambda size: "e" + "\u0301" * (size // 2),
    "a type of content": lambda size: "image/jpeg;" + " " * size,
    "an owner": lambda size: {"type": "a" * size, "id": "b" * size},
    "texts": lambda size: ["a"] * (size // 4),
    "a list in a list": lambda size: [["a"] * (size // 4)],
}


def _base64(text: bytes) -> str:
    return urlsafe_b64encode(text).rstrip(b"=").decode()
