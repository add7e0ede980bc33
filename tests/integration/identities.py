"""Where credentials come from in the cloud, for tests: a machine's metadata, a container's agent, and STS.

One server speaks all three, each with the protocol's own paths, and gives other keys every time.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.integration.http_server import Answer, Request

ROLE = "/latest/meta-data/iam/security-credentials/"
STS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{AccessKeyId}</AccessKeyId>
<SecretAccessKey>{SecretAccessKey}</SecretAccessKey><SessionToken>{Token}</SessionToken>
<Expiration>{Expiration}</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn>
<AssumedRoleId>a:s</AssumedRoleId></AssumedRoleUser></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


class Identities:
    """Issues keys that end soon; `issued` counts them, and `newest` is the id of the last."""

    def __init__(self) -> None:
        self.issued = 0
        self.is_away = False
        self.asked: list[str] = []

    @property
    def newest(self) -> str:
        return f"AKID{self.issued}"

    def answer(self, request: Request) -> Answer:  # noqa: PLR0911 - one for each path
        self.asked.append(f"{request.method} {request.path}")
        if self.is_away:
            return Answer(503)
        match request.method, request.path:
            case "PUT", "/latest/api/token":
                return Answer(200, b"metadata-token")
            case "GET", str(path) if path == ROLE and self._may_see(request):
                return Answer(200, b"tagger")
            case "GET", str(path) if path == f"{ROLE}tagger" and self._may_see(request):
                return Answer(200, json.dumps({"Code": "Success", **self._issue()}).encode())
            case "GET", "/container" if request.headers.get("authorization") == "container-token":
                return Answer(200, json.dumps(self._issue()).encode())
            case "POST", "/":
                return self._assumed(parse_qs(request.body.decode()))
        return Answer(403)

    def _may_see(self, request: Request) -> bool:
        return request.headers.get("x-aws-ec2-metadata-token") == "metadata-token"

    def _assumed(self, asked: dict[str, list[str]]) -> Answer:
        if asked["Action"] != ["AssumeRoleWithWebIdentity"] or asked["WebIdentityToken"] != [
            "the-pods-token"
        ]:
            return Answer(403)
        return Answer(200, STS.format(**self._issue()).encode())

    def _issue(self) -> dict[str, Any]:
        """Within ten minutes of their end botocore asks for others before each use."""
        self.issued += 1
        ends = datetime.now(UTC) + timedelta(minutes=5)
        return {
            "AccessKeyId": self.newest,
            "SecretAccessKey": f"canary-secret-{self.issued}",
            "Token": f"canary-token-{self.issued}",
            "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
