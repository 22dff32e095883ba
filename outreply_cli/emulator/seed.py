"""Loading a seed into the state. The caller holds the transaction."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import TypeVar

from outreply_cli.emulator.incoming_comments import MAX_COMMENT_CHARACTERS, add_incoming_comment
from outreply_cli.emulator.media import ASSETS, attach
from outreply_cli.emulator.posts import (
    OWNED_POSTS,
    add_first_comment,
    mark_published,
    media_from_urls,
)
from outreply_cli.emulator.seed_file import (
    Field,
    parse_allowlist,
    parse_limits,
    parse_platform,
    parse_timezone,
    parse_token,
    seed_from_json,
)
from outreply_cli.emulator.state import State
from outreply_cli.emulator.tokens import add_token, check_key_limit, check_lifetime
from outreply_cli.emulator.webhooks import check_webhook_url, new_secret
from outreply_cli.errors import InvalidInputError
from outreply_cli.spec.limits import (
    EVENTS,
    EVERY_SCOPE,
    SANDBOX_PREFIX,
    SANDBOX_SCOPES,
    SCOPES,
    TIERS,
)
from outreply_cli.spec.media_types import EXTENSIONS, MEDIA_TYPES, media_type

_AGE = timedelta(days=400)
Value = TypeVar("Value")
Default = TypeVar("Default")


def load_default_seed(state: State) -> None:
    """Load the built-in account into an empty state."""
    load_seed(state, _parse_default_seed())


@cache
def _parse_default_seed() -> Field:
    """The built-in account: two brands, a page on each platform, four posts."""
    name = "default_seed.json"
    text = resources.files("outreply_cli.emulator").joinpath(name).read_text("utf-8")
    return seed_from_json(json.loads(text), name)


def load_seed(state: State, seed: Field) -> None:
    """Add the accounts of a seed file to the state.

    Raises:
        SeedError: The seed is invalid.
    """
    fields = seed.fields("now", "accounts")
    if "now" in fields:
        now = fields["now"].timestamp(state.clock.now())
        state.clock.set_time(datetime.fromtimestamp(now, UTC))
    for account in _require_field(seed, fields, "accounts").items():
        _AccountLoader(state, account).load()


class _AccountLoader:
    """Loads an account of a seed."""

    def __init__(self, state: State, seed: Field) -> None:
        self._state, self._db, self._seed = state, state.connection, seed
        self._now = state.clock.now()
        self._user_id = ""
        self._brands: dict[str, str] = {}
        self._pages: dict[str, str] = {}
        self._media: dict[str, dict[str, str]] = {}

    def load(self) -> None:
        fields = self._seed.fields(
            "id", "email", "firstname", "lastname", "tier", "credits", "limits", "tokens",
            "brands", "media", "posts", "webhooks", "usage",
        )  # fmt: skip
        self._user_id = self._id(fields)
        self._insert("users", {
            "id": self._user_id, "email": _get(fields, "email", Field.text, "alex@example.com"),
            "firstname": _get(fields, "firstname", Field.text, "Alex"),
            "lastname": _get(fields, "lastname", Field.text, "Doe"),
            "tier": _get(fields, "tier", lambda field: field.choice(tuple(TIERS)), "pro"),
            "credits": _count(fields, "credits"),
            "limits": _get(fields, "limits", parse_limits, "{}"),
        }, fields)  # fmt: skip
        for name, load in (
            ("brands", self._load_brand), ("tokens", self._load_token),
            ("media", self._load_media), ("posts", self._load_post),
            ("webhooks", self._load_webhook),
        ):  # fmt: skip
            for item in _items(fields, name):
                load(item)
        if "tokens" not in fields:
            add_token(self._state, self._user_id, name="emulator")
        user = self._db.execute("SELECT * FROM users WHERE id = ?", (self._user_id,)).fetchone()
        try:
            check_key_limit(self._db, user, self._now)
        except InvalidInputError as error:
            raise fields["tokens"].error(str(error)) from None
        if "usage" in fields:
            buckets = ("publishes", "replies", "reads", "webhooks", "writes")
            for bucket, used in fields["usage"].fields(*buckets).items():
                self._add_usage(f"{self._now:%Y-%m}", bucket, used.number())

    def _load_brand(self, item: Field) -> None:
        fields = item.fields("id", "name", "timezone", "logo", "created_at", "pages")
        name, brand_id = _require_field(item, fields, "name").text(max_length=200), self._id(fields)
        self._brands[name] = self._brands[brand_id] = brand_id
        self._insert("brands", {
            "id": brand_id, "user_id": self._user_id, "name": name,
            "logo": _get(fields, "logo", _long_text, None),
            "timezone": _get(fields, "timezone", parse_timezone, "UTC"),
            "created_at": self._get_created_at(fields),
        }, fields)  # fmt: skip
        for page in _items(fields, "pages"):
            self._load_page(page, brand_id)

    def _load_page(self, item: Field, brand_id: str) -> None:
        fields = item.fields(
            "id", "platform", "username", "name", "followers", "expired", "profile_picture",
            "created_at",
        )  # fmt: skip
        platform = parse_platform(_require_field(item, fields, "platform"))
        username = _require_field(item, fields, "username").text(max_length=200)
        page_id = self._id(fields)
        self._pages[page_id] = self._pages[f"{platform}:{username}"] = page_id
        picture = f"https://cdn.example.com/pages/{username}.jpg"
        self._insert("pages", {
            "id": page_id, "brand_id": brand_id, "platform": platform, "username": username,
            "name": _get(fields, "name", Field.text, username),
            "followers": _count(fields, "followers"),
            "expired": _get(fields, "expired", Field.boolean, default=False),
            "profile_picture": _get(fields, "profile_picture", Field.text, picture),
            "created_at": self._get_created_at(fields),
        }, fields)  # fmt: skip

    def _load_token(self, item: Field) -> None:
        fields = item.fields(
            "id", "name", "scopes", "token", "brands", "expires_at", "revoked", "ip_allowlist",
            "sandbox", "collaborator", "full_access", "on_behalf_of", "last_used_at",
            "request_count", "requests_today",
        )  # fmt: skip
        sandbox = _get(fields, "sandbox", Field.boolean, default=False)
        scopes = _get(fields, "scopes", lambda field: field.choices((*SCOPES, EVERY_SCOPE)), None)
        if scopes == []:
            raise fields["scopes"].error("must not be empty")
        if "collaborator" in fields and "on_behalf_of" not in fields:
            raise item.error("a collaborator's token requires on_behalf_of, its brand")
        given: dict[str, object] = {}
        if "token" in fields:
            given["secret"] = parse_token(fields["token"], sandbox=sandbox)
        if "id" in fields:
            given["id"] = fields["id"].text(max_length=100)
        revoked = _get(fields, "revoked", Field.boolean, default=False)
        brands = [self._get_brand_id(brand) for brand in _items(fields, "brands")]
        expires_at = self._time(fields, "expires_at")
        if expires_at is not None:
            try:
                check_lifetime(expires_at, self._now)
            except InvalidInputError as error:
                raise fields["expires_at"].error(str(error)) from None
        try:
            row = add_token(
                self._state, self._user_id, name=_get(fields, "name", Field.text, "seeded"),
                scopes=scopes or (SANDBOX_SCOPES if sandbox else (EVERY_SCOPE,)),
                prefix=SANDBOX_PREFIX if sandbox else "outreply_live_",
                last_used_at=self._time(fields, "last_used_at"),
                request_count=_count(fields, "request_count"),
                brand_ids=json.dumps(brands),
                ip_allowlist=json.dumps(_get(fields, "ip_allowlist", parse_allowlist, [])),
                expires_at=expires_at,
                revoked_at=self._now.timestamp() if revoked else None,
                issued_by_collaborator_id=_get(fields, "collaborator", Field.text, None),
                has_full_access=_get(fields, "full_access", Field.boolean, default=True),
                on_behalf_of_brand_id=_get(fields, "on_behalf_of", self._get_brand_id, None),
                **given,
            )  # fmt: skip
        except sqlite3.IntegrityError as error:
            if "tokens.secret" in str(error):
                raise item.error("duplicate token") from None
            raise fields["id"].error("duplicate id in tokens") from None
        if today := _count(fields, "requests_today"):
            self._add_usage(f"{self._now:%Y-%m-%d}", f"day of {row['id']}", today)

    def _load_media(self, item: Field) -> None:
        fields = item.fields("id", "mime_type", "size_bytes", "filename", "created_at")
        media_id = self._id(fields)
        mime = _require_field(item, fields, "mime_type").choice(MEDIA_TYPES)
        default = f"api_{hashlib.sha256(media_id.encode()).hexdigest()[:32]}{EXTENSIONS[mime]}"
        name = _get(fields, "filename", lambda field: field.text(max_length=200), default)
        self._media[media_id] = {"src": ASSETS + name, "type": media_type(mime)}
        self._insert("media", {
            "id": media_id, "user_id": self._user_id,
            "filename": name, "mime_type": mime, "sha256": "",
            "size_bytes": _require_field(item, fields, "size_bytes").number(),
            "created_at": self._get_created_at(fields),
        }, fields)  # fmt: skip

    def _load_post(self, item: Field) -> None:
        fields = item.fields(
            "id", "page", "message", "media_urls", "media_ids", "first_comment", "link",
            "tiktok_settings", "scheduled_at", "published_at", "failed_at", "likes", "shares",
            "comments", "remote_id", "created_at",
        )  # fmt: skip
        times = [name for name in ("scheduled_at", "published_at", "failed_at") if name in fields]
        if len(times) != 1:
            raise item.error("exactly one of scheduled_at, published_at or failed_at is required")
        page = _require_field(item, fields, "page")
        if page.text() not in self._pages:
            raise page.error(f"page not found in this account: {page.text()}")
        timestamp = fields[times[0]].timestamp(self._now)
        urls = [_long_text(url) for url in _items(fields, "media_urls")]
        media_ids = _items(fields, "media_ids")
        for media_id in media_ids:
            if media_id.text() not in self._media:
                raise media_id.error(f"media not found in this account: {media_id.text()}")
        uploads = [self._media[media_id.text()] for media_id in media_ids]
        post_id = self._id(fields)
        created_at = min(timestamp, self._now.timestamp()) - 86_400
        self._insert("posts", {
            "id": post_id, "page_id": self._pages[page.text()], "status": "scheduled",
            "scheduled_at": timestamp,
            "created_at": self._time(fields, "created_at", created_at),
            "media": json.dumps(uploads + media_from_urls(urls)),
            **{name: _get(fields, name, _long_text, None) for name in
               ("message", "first_comment", "link")},
            "tiktok_settings": _get(fields, "tiktok_settings", _to_json_text, None),
            "likes": _count(fields, "likes"), "shares": _count(fields, "shares"),
        }, fields)  # fmt: skip
        attach(self._db, post_id, [media_id.text() for media_id in media_ids])
        if times == ["failed_at"]:
            self._db.execute("UPDATE posts SET status = 'failed' WHERE id = ?", (post_id,))
        if times == ["published_at"]:
            self._publish(fields, post_id, timestamp)
        else:
            for comment in _items(fields, "comments"):
                raise comment.error("only a published post may have comments")

    def _publish(self, fields: Mapping[str, Field], post_id: str, timestamp: float) -> None:
        row = self._db.execute(OWNED_POSTS + "WHERE posts.id = ?", (post_id,)).fetchone()
        given = fields.get("remote_id")
        remote_id = given.text(max_length=100) if given else self._state.new_remote_id()
        try:
            mark_published(self._db, row, remote_id, timestamp)
        except sqlite3.IntegrityError:
            raise fields.get("remote_id", self._seed).error("duplicate remote_id") from None
        for comment in _items(fields, "comments"):
            self._load_comment(comment, post_id, None)
        add_first_comment(self._state, row, timestamp)

    def _load_comment(self, item: Field, post_id: str, parent_id: str | None) -> None:
        fields = item.fields("id", "name", "username", "message", "at", "replies")
        at = _require_field(item, fields, "at").timestamp(self._now)
        name = _get(fields, "name", Field.text, "Someone")
        username = _get(fields, "username", Field.text, "someone")
        message = _require_field(item, fields, "message").text(max_length=MAX_COMMENT_CHARACTERS)
        if at > self._now.timestamp():
            if "replies" in fields:
                raise fields["replies"].error("a comment in the future must not have replies")
            add_incoming_comment(self._state, post_id, (name, username, message), at, parent_id)
            return
        comment_id = fields["id"].text() if "id" in fields else f"c_{self._state.new_id()}"
        self._insert("comments", {
            "id": comment_id, "post_id": post_id, "parent_id": parent_id, "author_name": name,
            "author_username": username, "message": message, "created_at": at,
        }, fields)  # fmt: skip
        for reply in _items(fields, "replies"):
            self._load_comment(reply, post_id, comment_id)

    def _load_webhook(self, item: Field) -> None:
        fields = item.fields(
            "id", "url", "events", "secret", "previous_secret", "rotated_at", "disabled_at",
            "consecutive_failures", "created_at", "brands",
        )  # fmt: skip
        secret = fields["secret"].text(max_length=200) if "secret" in fields else None
        previous = _get(fields, "previous_secret", _long_text, None)
        if previous is None and "rotated_at" in fields:
            raise fields["rotated_at"].error("requires previous_secret")
        url = _require_field(item, fields, "url")
        try:
            check_webhook_url(
                url.text(max_length=2_000), allow_external=self._state.config.allow_external
            )
        except ValueError as error:
            raise url.error(str(error)) from None
        self._insert("hooks", {
            "id": self._id(fields), "user_id": self._user_id, "url": url.text(),
            "events": json.dumps(_require_field(item, fields, "events").choices(tuple(EVENTS))),
            "secret": secret or new_secret(self._state),
            "previous_secret": previous,
            "rotated_at": self._time(fields, "rotated_at"),
            "disabled_at": self._time(fields, "disabled_at"),
            "failures": _count(fields, "consecutive_failures"),
            "created_at": self._time(fields, "created_at", self._now.timestamp()),
            "brand_ids": json.dumps([self._get_brand_id(b) for b in _items(fields, "brands")]),
        }, fields)  # fmt: skip

    def _add_usage(self, period: str, bucket: str, used: int) -> None:
        self._db.execute(
            "INSERT INTO usage VALUES (?, ?, ?, ?)", (self._user_id, period, bucket, used)
        )

    def _get_brand_id(self, field: Field) -> str:
        if field.text() not in self._brands:
            raise field.error(f"brand not found in this account: {field.text()}")
        return self._brands[field.text()]

    def _id(self, fields: Mapping[str, Field]) -> str:
        return fields["id"].text(max_length=100) if "id" in fields else self._state.new_id()

    def _time(
        self, fields: Mapping[str, Field], name: str, default: float | None = None
    ) -> float | None:
        return _get(fields, name, lambda field: field.timestamp(self._now), default)

    def _get_created_at(self, fields: Mapping[str, Field]) -> float | None:
        # Lists are sorted by creation time; the default keeps the order of the seed.
        sql = "SELECT (SELECT count(*) FROM brands) + (SELECT count(*) FROM pages)"
        count = float(self._db.execute(sql).fetchone()[0])
        return self._time(fields, "created_at", (self._now - _AGE).timestamp() + count)

    def _insert(
        self, table: str, values: Mapping[str, object], fields: Mapping[str, Field]
    ) -> None:
        try:
            self._state.insert(table, **values)
        except sqlite3.IntegrityError:
            raise fields.get("id", self._seed).error(f"duplicate id in {table}") from None


def _require_field(item: Field, fields: Mapping[str, Field], name: str) -> Field:
    if name not in fields:
        raise item.error(f"{name} is required")
    return fields[name]


def _get(
    fields: Mapping[str, Field], name: str, read: Callable[[Field], Value], default: Default
) -> Value | Default:
    return read(fields[name]) if name in fields else default


def _items(fields: Mapping[str, Field], name: str) -> list[Field]:
    return _get(fields, name, Field.items, [])


def _count(fields: Mapping[str, Field], name: str) -> int:
    return _get(fields, name, Field.number, 0)


def _long_text(field: Field) -> str:
    return field.text(max_length=10_000_000)


def _to_json_text(field: Field) -> str:
    try:
        if isinstance(field.value, dict):
            return json.dumps(_to_json(field), allow_nan=False)
    except (TypeError, ValueError):
        pass
    raise field.error("must be a mapping of JSON values")


def _to_json(field: Field) -> object:
    value = field.value
    if isinstance(value, dict):
        return {key: _to_json(inner) for key, inner in value.items()}
    return [_to_json(inner) for inner in value] if isinstance(value, list) else value
