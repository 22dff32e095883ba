"""The part of curl that the reference's examples use, for machines without curl.

Run: python fake_curl.py URL [-X METHOD] [-H HEADER]... [-d DATA] [-F NAME=@FILE] [-sS]
"""

import argparse
import http.client
import mimetypes
import sys
from pathlib import Path
from urllib.parse import urlsplit


def main() -> None:
    """Send the request; print the body and, on the last line, the status."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("url")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("-F", dest="form")
    parser.add_argument("-sS", dest="silent", action="store_true")
    args = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in args.headers)
    body = None if args.data is None else args.data.encode()
    if args.form is not None:
        name, _, path = args.form.partition("=@")
        kind = mimetypes.guess_type(path)[0]
        body = (
            f'--cut\r\nContent-Disposition: form-data; name="{name}"; '
            f'filename="{Path(path).name}"\r\nContent-Type: {kind}\r\n\r\n'
        ).encode() + Path(path).read_bytes() + b"\r\n--cut--\r\n"  # fmt: skip
        headers["Content-Type"] = "multipart/form-data; boundary=cut"
    url = urlsplit(args.url)
    connection = http.client.HTTPConnection(url.netloc)
    connection.request(args.method or ("GET" if body is None else "POST"), url.path, body, headers)
    response = connection.getresponse()
    sys.stdout.write(f"{response.read().decode()}\n{response.status}")
    connection.close()


if __name__ == "__main__":
    main()
