# Copyright (c) the azvm.access contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy that opens TLS and answers for Azure itself: block pages and rubbish, as a company's does, or resources."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
import typing as t
from dataclasses import dataclass
from functools import partial

import trustme

if t.TYPE_CHECKING:
    from pathlib import Path

_LOGIN = "login.microsoftonline.com"
_HOSTS = (_LOGIN, "management.azure.com")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer to a request to Azure Resource Manager."""

    status: int = 200
    type: str = "application/json"
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


# What answers a request: its method, path with query, and body.
Service = t.Callable[[str, str, bytes], Reply]


class Middlebox:
    """Within its ``with`` block it serves; ``environment`` leads programs to it."""

    def __init__(self, folder: Path, service: Reply | Service) -> None:
        authority = trustme.CA()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*_HOSTS).configure_cert(self._tls)
        self._authority = folder / "middlebox.pem"
        authority.cert_pem.write_to_path(str(self._authority))
        handler = partial(_Handler, self._tls, (lambda *_: service) if isinstance(service, Reply) else service)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def environment(self) -> dict[str, str]:
        proxy = f"http://127.0.0.1:{self._server.server_port}"
        return {"HTTPS_PROXY": proxy, "https_proxy": proxy, "REQUESTS_CA_BUNDLE": str(self._authority)}

    def __enter__(self) -> Middlebox:
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, tls: ssl.SSLContext, service: Service, *arguments: t.Any) -> None:
        self._tls = tls
        self._service = service
        self._host = ""
        super().__init__(*arguments)

    def do_CONNECT(self) -> None:
        self._host = self.path.partition(":")[0]
        self.send_response_only(200)
        self.end_headers()
        self.connection = self._tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self._answer(self._sign_in() if self._host == _LOGIN else self._service(self.command, self.path, body))

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _sign_in(self) -> Reply:
        root = f"https://{_LOGIN}{'/'.join(self.path.split('/')[:2])}"
        document: dict[str, object] = {
            "issuer": root,
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "tenant_discovery_endpoint": f"{root}/v2.0/.well-known/openid-configuration",
            "metadata": [],
        }
        if self.path.endswith("/token"):
            document = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 3600}
        return Reply(body=json.dumps(document))

    def _answer(self, reply: Reply) -> None:
        content = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.type)
        self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: t.Any) -> None:
        """Say nothing."""
