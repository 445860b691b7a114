"""An imitation of the login of the Hugging Face Hub (OpenID Connect) on loopback."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "client-of-the-space", "secret-of-the-space"


class OpenId:
    """The login server; use it as a context manager.

    Attributes:
        token: the access token that a login gives.
        user: the account that signs in.
        scope: what the visitor allows.
        seconds: until the login expires.
        declines: the visitor presses Cancel.
        broken: the server refuses to exchange the code.
    """

    def __init__(self) -> None:
        self.token, self.user = "token-write", "me"
        self.scope, self.seconds = "openid profile contribute-repos", 3600
        self.declines = self.broken = False
        self.asked: list[str] = []  # scopes that logins asked for
        self._key = RSAKey.generate_key(2048, {"kid": "one"})
        self._nonces: dict[str, str] = {}

    def __enter__(self) -> OpenId:
        double = self

        class Handler(_Handler):
            openid = double

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """What Spaces sets for an app whose card asks for OAuth."""
        return {
            "SYSTEM": "spaces",
            "SPACE_ID": "anna/vitrine",
            "OAUTH_CLIENT_ID": CLIENT,
            "OAUTH_CLIENT_SECRET": SECRET,
            "OAUTH_SCOPES": "openid profile contribute-repos",
            "OPENID_PROVIDER_URL": self.url,
            "VITRINE_HOST": "127.0.0.1",
        }

    def authorize(self, query: dict[str, str]) -> str:
        """The address that the visitor is sent back to."""
        self.asked.append(query["scope"])
        back = query["redirect_uri"]
        joint = "&" if "?" in back else "?"
        if self.declines:
            answer = {"error": "access_denied", "state": query["state"]}
        else:
            code = secrets.token_hex(8)
            self._nonces[code] = query["nonce"]
            answer = {"code": code, "state": query["state"]}
        return back + joint + urlencode(answer)

    def exchange(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """The token for a code; None when the client or the code is wrong."""
        wanted = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        nonce = self._nonces.pop(form.get("code", ""), None)
        if self.broken or nonce is None or authorization != f"Basic {wanted}":
            return None
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "1",
            "aud": CLIENT,
            "exp": now + 600,
            "iat": now,
            "nonce": nonce,
            "name": "Some One",
            "preferred_username": self.user,
            "profile": f"https://huggingface.co/{self.user}",
            "picture": "https://huggingface.co/picture.png",
        }
        return {
            "access_token": self.token,
            "token_type": "bearer",
            "expires_in": self.seconds,
            "scope": self.scope,
            "id_token": jwt.encode({"alg": "RS256", "kid": "one"}, claims, self._key),
        }


class _Handler(BaseHTTPRequestHandler):
    openid: OpenId

    def log_message(self, format: str, *args: object) -> None:
        """Keep the output of the tests clean."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        url = self.openid.url
        if parts.path == "/.well-known/openid-configuration":
            self._send(
                {
                    "issuer": url,
                    "authorization_endpoint": f"{url}/oauth/authorize",
                    "token_endpoint": f"{url}/oauth/token",
                    "jwks_uri": f"{url}/oauth/jwks",
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif parts.path == "/oauth/jwks":
            self._send({"keys": [self.openid._key.as_dict(private=False)]})
        elif parts.path == "/oauth/authorize":
            self.send_response(302)
            self.send_header("Location", self.openid.authorize(query))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send({"error": "not found"}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        token = self.openid.exchange(form, self.headers.get("Authorization", ""))
        if token is None:
            self._send({"error": "invalid_grant"}, 400)
        else:
            self._send(token)

    def _send(self, body: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
