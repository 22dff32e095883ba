"""Filling an emulator's state from a seed: accounts with all that they own.

The caller holds the transaction, so that a seed is there whole or not at all.
"""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib import resources

from outreply_cli.emulator.incoming_comments import expect_comment
from outreply_cli.emulator.media import ASSETS, attach
from outreply_cli.emulator.posts import linked_media, mark_published
from outreply_cli.emulator.seed_file import (
    Field,
    check_allowlist,
    check_events,
    check_limits,
    check_mime,
    check_platform,
    check_scopes,
    check_tier,
    check_token,
    check_zone,
    parse_seed,
)
from outreply_cli.emulator.state import State
from outreply_cli.emulator.webhooks import check_webhook_url, new_secret
from outreply_cli.spec.limits import EVERY_SCOPE, SANDBOX_PREFIX, SANDBOX_SCOPES
from outreply_cli.spec.media_types import ENDINGS, type_named

_AGE = timedelta(days=400)
_LONG_TEXT = 10_000_000


def load_default_seed(state: State) -> None:
    """Fill an empty state with the built-in account."""
    text = resources.files("outreply_cli.emulator").joinpath("default_seed.yaml").read_text("utf-8")
    load_seed(state, parse_seed(text, "default_seed.yaml"))


def load_seed(state: State, seed: Field) -> None:
    """Add to the state what a seed file describes.

    Raises:
        SeedError: Something in it can't be meant; with file, line and field.
    """
    top = seed.fields("now", "accounts")
    if "now" in top:
        given = top["now"]
        moment = given.moment(state.clock.now())
        state.clock.set_time(state.clock.now() + timedelta(
            seconds=moment - state.clock.now().timestamp()
        ))  # fmt: skip
    if "accounts" not in top:
        raise seed.wrong("has no accounts")
    for account in top["accounts"].items():
        _Account(state, account).load_seed()


def create_token(
    state: State,
    user_id: str,
    *,
    name: str,
    scopes: Sequence[str] = (EVERY_SCOPE,),
    expires_in: timedelta | None = None,
    prefix: str = "outreply_live_",
    secret: str | None = None,
) -> sqlite3.Row:
    """A new token for `user_id`; the caller holds the transaction."""
    token_id = state.new_id()
    expires_at = None if expires_in is None else (state.clock.now() + expires_in).timestamp()
    if secret is None:
        secret = prefix + state.new_hex(48)
    state.connection.execute(
        "INSERT INTO tokens (id, user_id, secret, name, scopes, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (token_id, user_id, secret, name, json.dumps(list(scopes)), expires_at),
    )
    row: sqlite3.Row = state.connection.execute(
        "SELECT * FROM tokens WHERE id = ?", (token_id,)
    ).fetchone()
    return row


class _Account:
    """One account of a seed, on its way into the state."""

    def __init__(self, state: State, seed: Field) -> None:
        self._state, self._db, self._seed = state, state.connection, seed
        self._now = state.clock.now()
        self._user_id = ""
        self._brands: dict[str, str] = {}
        self._pages: dict[str, str] = {}
        self._media: dict[str, dict[str, str]] = {}

    def load_seed(self) -> None:
        fields = self._seed.fields(
            "id", "email", "firstname", "lastname", "tier", "credits", "limits", "tokens",
            "brands", "media", "posts", "webhooks", "usage",
        )  # fmt: skip
        self._user_id = self._id(fields)
        limits = check_limits(fields["limits"]) if "limits" in fields else "{}"
        self._insert("users", {
            "id": self._user_id, "email": _text(fields, "email", "alex@example.com"),
            "firstname": _text(fields, "firstname", "Alex"),
            "lastname": _text(fields, "lastname", "Doe"),
            "tier": check_tier(fields["tier"]) if "tier" in fields else "pro",
            "credits": _count(fields, "credits"),
            "limits": limits,
        }, fields)  # fmt: skip
        for name, load_seed in (
            ("brands", self._plant_brand), ("tokens", self._plant_token),
            ("media", self._plant_media), ("posts", self._plant_post),
            ("webhooks", self._plant_hook),
        ):  # fmt: skip
            for item in _items(fields, name):
                load_seed(item)
        if "tokens" not in fields:
            create_token(self._state, self._user_id, name="emulator")
        for bucket, used in (fields["usage"].fields(
            "publishes", "replies", "reads", "webhooks", "writes", "requests"
        ) if "usage" in fields else {}).items():  # fmt: skip
            self._db.execute(
                "INSERT INTO usage VALUES (?, ?, ?, ?)",
                (self._user_id, f"{self._now:%Y-%m}", bucket, used.number()),
            )

    def _plant_brand(self, item: Field) -> None:
        fields = item.fields("id", "name", "timezone", "logo", "created_at", "pages")
        name, brand_id = _required(item, fields, "name").text(longest=200), self._id(fields)
        self._brands[name] = self._brands[brand_id] = brand_id
        self._insert("brands", {
            "id": brand_id, "user_id": self._user_id, "name": name,
            "logo": _optional(fields, "logo"),
            "timezone": check_zone(fields["timezone"]) if "timezone" in fields else "UTC",
            "created_at": self._created(fields),
        }, fields)  # fmt: skip
        for page in _items(fields, "pages"):
            self._plant_page(page, brand_id)

    def _plant_page(self, item: Field, brand_id: str) -> None:
        fields = item.fields(
            "id", "platform", "username", "name", "followers", "expired", "profile_picture",
            "created_at",
        )  # fmt: skip
        platform = check_platform(_required(item, fields, "platform"))
        username = _required(item, fields, "username").text(longest=200)
        page_id = self._id(fields)
        self._pages[page_id] = self._pages[f"{platform}:{username}"] = page_id
        picture = f"https://cdn.example.com/pages/{username}.jpg"
        self._insert("pages", {
            "id": page_id, "brand_id": brand_id, "platform": platform, "username": username,
            "name": _text(fields, "name", username),
            "followers": _count(fields, "followers"),
            "expired": _switch(fields, "expired", default=False),
            "profile_picture": _text(fields, "profile_picture", picture),
            "created_at": self._created(fields),
        }, fields)  # fmt: skip

    def _plant_token(self, item: Field) -> None:
        fields = item.fields(
            "id", "name", "scopes", "token", "brands", "expires_at", "revoked", "ip_allowlist",
            "sandbox", "collaborator", "full_access", "on_behalf_of", "last_used_at",
            "request_count", "requests_today",
        )  # fmt: skip
        sandbox = _switch(fields, "sandbox", default=False)
        scopes = check_scopes(fields["scopes"]) if "scopes" in fields else None
        secret = check_token(fields["token"], sandbox=sandbox) if "token" in fields else None
        try:
            row = create_token(
                self._state, self._user_id, name=_text(fields, "name", "seeded"),
                scopes=scopes or (SANDBOX_SCOPES if sandbox else (EVERY_SCOPE,)),
                prefix=SANDBOX_PREFIX if sandbox else "outreply_live_", secret=secret,
            )  # fmt: skip
        except sqlite3.IntegrityError:
            raise item.wrong("there is such a token already") from None
        token_id = fields["id"].text(longest=100) if "id" in fields else row["id"]
        changes = {"id": token_id, **self._token_settings(fields)}
        names = ", ".join(f"{name} = ?" for name in changes)
        try:
            self._db.execute(
                f"UPDATE tokens SET {names} WHERE id = ?",  # noqa: S608 - our own names
                (*changes.values(), row["id"]),
            )
        except sqlite3.IntegrityError:
            raise fields["id"].wrong("there is such an id among the tokens already") from None
        if today := _count(fields, "requests_today"):
            self._db.execute(
                "INSERT INTO usage VALUES (?, ?, ?, ?)",
                (self._user_id, f"{self._now:%Y-%m-%d}", f"day of {token_id}", today),
            )

    def _token_settings(self, fields: Mapping[str, Field]) -> dict[str, object]:
        revoked = _switch(fields, "revoked", default=False)
        allowed = check_allowlist(fields["ip_allowlist"]) if "ip_allowlist" in fields else []
        issuer, acted_for = fields.get("collaborator"), fields.get("on_behalf_of")
        return {
            "last_used_at": _moment(fields, "last_used_at", self._state),
            "request_count": _count(fields, "request_count"),
            "brand_ids": json.dumps([self._brand(one) for one in _items(fields, "brands")]),
            "ip_allowlist": json.dumps(allowed),
            "expires_at": _moment(fields, "expires_at", self._state),
            "revoked_at": self._now.timestamp() if revoked else None,
            "issued_by_collaborator_id": issuer.text() if issuer is not None else None,
            "has_full_access": _switch(fields, "full_access", default=True),
            "on_behalf_of_brand_id": self._brand(acted_for) if acted_for is not None else None,
        }

    def _plant_media(self, item: Field) -> None:
        fields = item.fields("id", "mime_type", "size_bytes", "filename", "created_at")
        media_id = self._id(fields)
        mime = check_mime(_required(item, fields, "mime_type"))
        own_name = f"api_{hashlib.sha256(media_id.encode()).hexdigest()[:32]}{ENDINGS[mime]}"
        name = fields["filename"].text(longest=200) if "filename" in fields else own_name
        self._media[media_id] = {"src": ASSETS + name, "type": type_named(mime)}
        self._insert("media", {
            "id": media_id, "user_id": self._user_id,
            "filename": name,
            "size_bytes": _required(item, fields, "size_bytes").number(), "mime_type": mime,
            "sha256": "", "created_at": self._created(fields),
        }, fields)  # fmt: skip

    def _plant_post(self, item: Field) -> None:
        fields = item.fields(
            "id", "page", "message", "media_urls", "media_ids", "first_comment", "link",
            "tiktok_settings", "scheduled_at", "published_at", "failed_at", "likes", "shares",
            "comments", "remote_id", "created_at",
        )  # fmt: skip
        moments = [name for name in ("scheduled_at", "published_at", "failed_at") if name in fields]
        if len(moments) != 1:
            raise item.wrong("has to have scheduled_at, published_at or failed_at, one of them")
        page = _required(item, fields, "page")
        if page.text() not in self._pages:
            raise page.wrong(f"no page {page.text()!r} stands in this account")
        moment = fields[moments[0]].moment(self._now)
        urls = fields["media_urls"].texts(longest=_LONG_TEXT) if "media_urls" in fields else []
        ids = _items(fields, "media_ids")
        for one in ids:
            if one.text() not in self._media:
                raise one.wrong(f"no media {one.text()!r} stands in this account")
        settings = _plain(fields["tiktok_settings"]) if "tiktok_settings" in fields else None
        post_id = self._id(fields)
        created = min(moment, self._now.timestamp()) - 86_400
        given = fields["created_at"].moment(self._now) if "created_at" in fields else created
        self._insert("posts", {
            "id": post_id, "page_id": self._pages[page.text()], "status": "scheduled",
            "scheduled_at": moment, "created_at": given,
            "message": _optional(fields, "message"),
            "media": json.dumps([self._media[one.text()] for one in ids] + linked_media(urls)),
            "first_comment": _optional(fields, "first_comment"),
            "link": _optional(fields, "link"),
            "tiktok_settings": None if settings is None else json.dumps(settings),
            "likes": _count(fields, "likes"),
            "shares": _count(fields, "shares"),
        }, fields)  # fmt: skip
        attach(self._db, post_id, [one.text() for one in ids])
        if moments == ["failed_at"]:
            self._db.execute("UPDATE posts SET status = 'failed' WHERE id = ?", (post_id,))
        if moments == ["published_at"]:
            self._publish(fields, post_id, moment)
        for comment in _items(fields, "comments"):
            if moments != ["published_at"]:
                raise comment.wrong("only a published post has comments")
            self._plant_comment(comment, post_id, None)

    def _publish(self, fields: Mapping[str, Field], post_id: str, moment: float) -> None:
        row = self._db.execute(
            "SELECT posts.id, pages.platform, pages.username FROM posts "
            "JOIN pages ON pages.id = posts.page_id WHERE posts.id = ?",
            (post_id,),
        ).fetchone()
        given = fields.get("remote_id")
        remote_id = given.text(longest=100) if given is not None else self._state.new_remote_id()
        mark_published(self._db, row, remote_id, moment)

    def _plant_comment(self, item: Field, post_id: str, parent_id: str | None) -> None:
        fields = item.fields("id", "name", "username", "message", "at", "replies")
        at = _required(item, fields, "at").moment(self._now)
        name = _text(fields, "name", "Someone")
        username = _text(fields, "username", "someone")
        message = _required(item, fields, "message").text(longest=100_000)
        if at > self._now.timestamp():
            if "replies" in fields:
                raise fields["replies"].wrong("a comment that is still to come has none")
            expect_comment(self._db, post_id, (name, username, message), at, parent_id)
            return
        comment_id = fields["id"].text() if "id" in fields else f"c_{self._state.new_id()}"
        self._insert("comments", {
            "id": comment_id, "post_id": post_id, "parent_id": parent_id, "author_name": name,
            "author_username": username, "message": message, "created_at": at,
        }, fields)  # fmt: skip
        for answer in _items(fields, "replies"):
            self._plant_comment(answer, post_id, comment_id)

    def _plant_hook(self, item: Field) -> None:
        fields = item.fields(
            "id", "url", "events", "secret", "previous_secret", "rotated_at", "disabled_at",
            "consecutive_failures", "created_at",
        )  # fmt: skip
        secret = fields["secret"].text(longest=200) if "secret" in fields else None
        url = _required(item, fields, "url")
        try:
            check_webhook_url(
                url.text(longest=2_000), is_public_allowed=self._state.settings.sends_anywhere
            )
        except ValueError as error:
            raise url.wrong(str(error)) from None
        self._insert("hooks", {
            "id": self._id(fields), "user_id": self._user_id,
            "url": url.text(),
            "events": json.dumps(check_events(_required(item, fields, "events"))),
            "secret": secret or new_secret(self._state),
            "previous_secret": _optional(fields, "previous_secret"),
            "rotated_at": _moment(fields, "rotated_at", self._state),
            "disabled_at": _moment(fields, "disabled_at", self._state),
            "failures": _count(fields, "consecutive_failures"),
            "created_at": fields["created_at"].moment(self._now)
            if "created_at" in fields
            else self._now.timestamp(),
        }, fields)  # fmt: skip

    def _brand(self, field: Field) -> str:
        if field.text() not in self._brands:
            raise field.wrong(f"no brand {field.text()!r} stands in this account")
        return self._brands[field.text()]

    def _id(self, fields: Mapping[str, Field]) -> str:
        return fields["id"].text(longest=100) if "id" in fields else self._state.new_id()

    def _created(self, fields: Mapping[str, Field]) -> float:
        if "created_at" in fields:
            return fields["created_at"].moment(self._now)
        # In the seed's order, which is how lists show what is equally old.
        rows = self._db.execute(
            "SELECT (SELECT count(*) FROM brands) + (SELECT count(*) FROM pages)"
        ).fetchone()
        return (self._now - _AGE).timestamp() + float(rows[0])

    def _insert(
        self, table: str, values: Mapping[str, object], fields: Mapping[str, Field]
    ) -> None:
        marks = ", ".join("?" * len(values))
        try:
            self._db.execute(
                f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})",  # noqa: S608
                tuple(values.values()),
            )
        except sqlite3.IntegrityError:
            given = fields.get("id", self._seed)
            raise given.wrong(f"there is such an id among the {table} already") from None


def _required(item: Field, fields: Mapping[str, Field], name: str) -> Field:
    if name not in fields:
        raise item.wrong(f"has no {name}")
    return fields[name]


def _text(fields: Mapping[str, Field], name: str, default: str) -> str:
    return fields[name].text() if name in fields else default


def _optional(fields: Mapping[str, Field], name: str) -> str | None:
    return fields[name].text(longest=_LONG_TEXT) if name in fields else None


def _items(fields: Mapping[str, Field], name: str) -> list[Field]:
    return fields[name].items() if name in fields else []


def _switch(fields: Mapping[str, Field], name: str, *, default: bool) -> bool:
    return fields[name].switch() if name in fields else default


def _count(fields: Mapping[str, Field], name: str) -> int:
    return fields[name].number() if name in fields else 0


def _moment(fields: Mapping[str, Field], name: str, state: State) -> float | None:
    return fields[name].moment(state.clock.now()) if name in fields else None


def _plain(field: Field) -> object:
    value = field.value
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
