"""Rehearsals of an agent: an emulator that has the brands and pages of the account."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from outreply_cli.api.client import Client
from outreply_cli.api.errors import PermissionDeniedError
from outreply_cli.clock import Clock
from outreply_cli.emulator.seed import load_seed
from outreply_cli.emulator.seed_file import parse_seed
from outreply_cli.emulator.server import EmulatorServer
from outreply_cli.emulator.state import State
from outreply_cli.errors import InvalidInputError
from outreply_cli.posts.user_rules import RULES_FILE
from outreply_cli.spec.limits import TIERS
from outreply_cli.spec.platforms import find_platform
from outreply_cli.times import parse_zone
from outreply_cli.ui.yaml import yaml_text


class Rehearsal:
    """The emulator of one server, started by the first rehearsal.

    Its journal, posts and settings are in a separate directory, which `close` deletes.

    Args:
        environ: Environment of the server; nothing that names an account or a store is kept.
        config_dir: Directory whose platform rules apply in rehearsals too.
        clock: Time of the emulator.
        find_seed: Returns the seed of the account.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        config_dir: Path,
        clock: Clock,
        find_seed: Callable[[], dict[str, Any]],
    ) -> None:
        self._outer_environ = {
            name: value for name, value in environ.items() if not name.startswith("OUTREPLY_")
        }
        self._config_dir, self._clock, self._find_seed = config_dir, clock, find_seed
        self._environ: dict[str, str] | None = None
        self._lock, self._exit_stack = threading.Lock(), ExitStack()

    def environ(self) -> Mapping[str, str]:
        """The environment of commands; the first call starts the emulator.

        Raises:
            OutReplyError: The account cannot be read, or the emulator cannot be started.
        """
        with self._lock:
            if self._environ is None:
                self._environ = self._start()
            return self._environ

    def close(self) -> None:
        """Stop the emulator and delete its files."""
        self._exit_stack.close()

    def _start(self) -> dict[str, str]:
        seed = parse_seed(yaml_text(self._find_seed()), "rehearsal")
        with ExitStack() as stack:
            temporary = tempfile.TemporaryDirectory(prefix="outreply-rehearsal-")
            directory = Path(stack.enter_context(temporary))
            config = directory / "config"
            config.mkdir()
            rules = self._config_dir / RULES_FILE
            if rules.exists():
                shutil.copy(rules, config)
            path = directory / "emulator.db"
            with closing(State(path, self._clock)) as state, state.transaction():
                load_seed(state, seed)
            server = stack.enter_context(EmulatorServer(path, self._clock))
            self._exit_stack = stack.pop_all()
        return {
            **self._outer_environ,
            "OUTREPLY_API_KEY": server.token,
            "OUTREPLY_BASE_URL": server.base_url,
            "OUTREPLY_CONFIG_DIR": str(config),
            "OUTREPLY_STATE_DIR": str(directory / "state"),
        }


def make_seed(client: Client) -> dict[str, Any]:
    """Make a seed with the tier, brands and pages of an account, and without its posts."""
    try:
        zones = {brand["id"]: brand.get("timezone") for brand in client.brands().items}
    except PermissionDeniedError:
        zones = {}
    brands: dict[str, dict[str, Any]] = {}
    for page in client.pages().items:
        if find_platform(page["platform"]) is None:
            # The emulator does not have this platform.
            continue
        brand_id = page.get("brand_id") or "brand"
        brand = brands.setdefault(brand_id, {
            "id": brand_id, "name": _text(page.get("brand_name") or brand_id),
            "timezone": _zone_name(zones.get(brand_id)), "pages": [],
        })  # fmt: skip
        username = _text(page.get("username") or page["id"])
        brand["pages"].append({
            "id": page["id"], "platform": page["platform"], "username": username,
            "name": _text(page.get("name") or username), "expired": bool(page.get("expired")),
        })  # fmt: skip
    account = client.account_or_none() or {}
    tier = str(account.get("tier"))
    return {"accounts": [
        {"brands": list(brands.values()), **({"tier": tier} if tier in TIERS else {})}
    ]}  # fmt: skip


def _text(value: object) -> str:
    # UTF-8 has no lone surrogates.
    return str(value).encode("utf-8", "replace").decode()


def _zone_name(name: str | None) -> str:
    try:
        return parse_zone(name or "UTC").key
    except InvalidInputError:
        return "UTC"
