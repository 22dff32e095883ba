"""As much of curl as the reference's examples ask for, so that they run where there is none.

Run: python curl_by_hand.py URL [-X METHOD] [-H HEADER]... [-d DATA] [-F NAME=@FILE] [-sS]
"""

import argparse
import http.client
import mimetypes
import sys
from pathlib import Path
from urllib.parse import urlsplit


def main() -> None:
    """Send what the words ask for; print the answer, and its status on a line of its own."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("url")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("-F", dest="form")
    parser.add_argument("-sS", dest="silent", action="store_true")
    asked = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in asked.headers)
    body = None if asked.data is None else asked.data.encode()
    if asked.form is not None:
        name, _, path = asked.form.partition("=@")
        kind = mimetypes.guess_type(path)[0]
        body = (
            f'--cut\r\nContent-Disposition: form-data; name="{name}"; '
            f'filename="{Path(path).name}"\r\nContent-Type: {kind}\r\n\r\n'
        ).encode() + Path(path).read_bytes() + b"\r\n--cut--\r\n"  # fmt: skip
        headers["Content-Type"] = "multipart/form-data; boundary=cut"
    url = urlsplit(asked.url)
    connection = http.client.HTTPConnection(url.netloc)
    connection.request(asked.method or ("GET" if body is None else "POST"), url.path, body, headers)
    answer = connection.getresponse()
    sys.stdout.write(f"{answer.read().decode()}\n{answer.status}")
    connection.close()


if __name__ == "__main__":
    main()
