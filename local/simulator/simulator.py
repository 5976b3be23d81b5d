"""A running simulator: the API and the CDN on two loopback ports, over one state."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from local.simulator.admin import SimulatorAdmin
from local.simulator.admin_endpoint import ADMIN_PREFIX, AdminEndpoint
from local.simulator.api import GoProApi
from local.simulator.cdn import Cdn
from local.simulator.cloud import SimulatedCloud
from local.simulator.faults import Fault
from local.simulator.http_messages import Answer, Request
from local.simulator.http_server import SimulatorServer
from local.simulator.library import Library
from local.simulator.settings import Settings
from local.simulator.tokens import SCOPE

_ROUND_TRIPS_BEFORE_REQUESTS = 2  # a TCP and a TLS 1.3 handshake take one each


class Simulator:
    """A GoPro Cloud on this machine, for as long as the ``with`` block lasts.

    Args:
        library: what the account holds; empty by default.
        settings: how the service behaves.
        faults: what goes wrong from the start.
        api_port: 0 takes any free one.
        cdn_port: likewise.
        cdn_certificate: file with certificate and key (PEM); the CDN speaks TLS if there is one.

    Raises:
        OSError: a port is taken, or the certificate cannot be read.
    """

    def __init__(
        self,
        library: Library | None = None,
        settings: Settings | None = None,
        *,
        faults: Iterable[Fault] = (),
        api_port: int = 0,
        cdn_port: int = 0,
        cdn_certificate: Path | None = None,
    ) -> None:
        settings = settings or Settings()
        cloud = SimulatedCloud(library or Library(), settings)
        cloud.faults.replace(faults)
        self._cloud = cloud
        self._account = cloud.account
        self._access_token, self._refresh_token = cloud.tokens.sign_in(lifetime_seconds=settings.token_lifetime_seconds)
        self._cdn_server = SimulatorServer(
            Cdn(cloud),
            port=cdn_port,
            certificate=cdn_certificate,
            before_handshake_seconds=_ROUND_TRIPS_BEFORE_REQUESTS * settings.cdn_latency_seconds,
        )
        self._api = GoProApi(cloud, cdn_url=self._cdn_server.url)
        self._admin_endpoint = AdminEndpoint(cloud)
        try:
            self._api_server = SimulatorServer(self._answer_api_port, port=api_port)
        except OSError:
            self._cdn_server.server_close()
            raise

    @property
    def api_url(self) -> str:
        """The address of the API."""
        return self._api_server.url

    @property
    def cdn_url(self) -> str:
        """The address of the CDN."""
        return self._cdn_server.url

    @property
    def credential(self) -> dict[str, str]:
        """The credential from a browser's session: the JSON object for the secret."""
        return {"auth_token": self._access_token, "user_id": self._cloud.settings.user_id}

    @property
    def account(self) -> dict[str, str]:
        """Everything that the account can sign in with."""
        return {**asdict(self._account), **self.credential, "refresh_token": self._refresh_token, "scope": SCOPE}

    @property
    def admin(self) -> SimulatorAdmin:
        """The switches."""
        return SimulatorAdmin(self.api_url)

    def __enter__(self) -> Self:
        self._cdn_server.start()
        self._api_server.start()
        threading.Thread(target=self._cloud.compute_slow_etags, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._api_server.stop()
        self._cdn_server.stop()

    def _answer_api_port(self, request: Request) -> Answer:
        return self._admin_endpoint(request) if request.path.startswith(ADMIN_PREFIX) else self._api(request)
