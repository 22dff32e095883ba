"""Switching off a rule of the emulator, so that the statement of the reference no longer holds."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

import pytest

from outreply_cli.emulator.request import ErrorResponse, Principal, RequestContext
from outreply_cli.emulator.state import State
from outreply_cli.errors import InvalidInputError

Patch = pytest.MonkeyPatch
Rule = Callable[[Patch], None]
_EMULATOR = "outreply_cli.emulator."
# Any: rules also replace the names that modules import, and private ones.
account: Any = import_module(_EMULATOR + "account")
admin: Any = import_module(_EMULATOR + "admin")
app: Any = import_module(_EMULATOR + "app")
audit_log: Any = import_module(_EMULATOR + "audit")
auth: Any = import_module(_EMULATOR + "auth")
comments: Any = import_module(_EMULATOR + "comments")
delivery: Any = import_module(_EMULATOR + "delivery")
endpoints: Any = import_module(_EMULATOR + "endpoints")
media: Any = import_module(_EMULATOR + "media")
posts: Any = import_module(_EMULATOR + "posts")
scheduler: Any = import_module(_EMULATOR + "scheduler")
tokens: Any = import_module(_EMULATOR + "tokens")
webhooks: Any = import_module(_EMULATOR + "webhooks")
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    """Register a function that switches off the rule of its name."""
    RULES[function.__name__.replace("_", "-")] = function
    return function


def switch_off(patch: Patch, without: str | Mapping[str, Any]) -> None:
    """Switch off the rule that a check in reference.yaml names under `without`."""
    if isinstance(without, str):
        RULES[without](patch)
        return
    ((kind, value), *more) = without.items()
    if kind == "set":
        set_constant(patch, value, dict(more))
    elif kind == "run":
        RULES[value.replace("_", "-")](patch)
    else:
        _KINDS[kind](patch, value)


def set_constant(patch: Patch, name: str, given: Mapping[str, Any]) -> None:
    """Set a constant of a module: a value, or a duration in days or seconds."""
    value = given["value"] if "value" in given else timedelta(**given)
    if isinstance(value, list):
        value = tuple(value)
    patch.setattr(_EMULATOR + name, value)


def drop_field(patch: Patch, path: str) -> None:
    """Leave a field out of every response."""
    _change_bodies(patch, lambda body: _without(body, path.split(".")))


def drop_error_key(patch: Patch, code_and_key: tuple[str, str]) -> None:
    """Leave a key out of the errors with a code."""
    code, key = code_and_key
    _change_bodies(patch, lambda body: _without(body, [key]) if body.get("code") == code else body)


def drop_header(patch: Patch, name: str) -> None:
    """Leave a header out of every response."""
    for module in (app, endpoints):
        original = module.json_response

        def respond(status: int, body: Any, headers: Any, original: Any = original) -> Any:
            return original(status, body, {k: v for k, v in headers.items() if k != name})

        patch.setattr(module, "json_response", respond)


def drop_code(patch: Patch, code: str) -> None:
    """Respond with another code instead of `code`."""
    original = ErrorResponse.__init__

    def init(self: ErrorResponse, status: int, name: str, *args: Any, **kwargs: Any) -> None:
        original(self, status, "ANOTHER_CODE" if name == code else name, *args, **kwargs)

    patch.setattr(ErrorResponse, "__init__", init)


def drop_route(patch: Patch, line: str) -> None:
    """Remove an endpoint, given as `METHOD /path` with the path of a rule."""
    kept = [route for route in endpoints.ROUTES if f"{route.method} {route.path}" != line]
    assert len(kept) == len(endpoints.ROUTES) - 1, line
    patch.setattr(endpoints, "ROUTES", tuple(kept))


def drop_public_route(patch: Patch, path: str) -> None:
    """Require a token for an endpoint that needs none."""
    kept = {name: route for name, route in app.PUBLIC_ROUTES.items() if name != path}
    patch.setattr(app, "PUBLIC_ROUTES", kept)


def drop_payload_field(patch: Patch, path: str) -> None:
    """Leave a field out of the payload of deliveries."""

    class _Json:
        loads = staticmethod(json.loads)

        @staticmethod
        def dumps(value: Any, **options: Any) -> str:
            if isinstance(value, dict):
                value = _without(value, path.split("."))
            return json.dumps(value, **options)

    patch.setattr(webhooks, "json", _Json)


def raise_tier(patch: Patch, field: str) -> None:
    """Raise a limit of every tier: by one, or by some bytes."""
    original, more = auth._tier, 1_000 if field.endswith("bytes") else 1

    def get_tier(*args: Any) -> Any:
        tier = original(*args)
        return replace(tier, **{field: getattr(tier, field) + more})

    patch.setattr(auth, "_tier", get_tier)


def raise_guardrail(patch: Patch, window: str) -> None:
    """Allow one more publish of every platform in an hour or a day."""
    guardrails: Any = import_module(_EMULATOR + "guardrails")
    original, field = guardrails.find_platform, f"per_{window}"

    def find(name: str) -> Any:
        platform = original(name)
        return platform and replace(platform, **{field: (getattr(platform, field) or 0) + 1})

    patch.setattr(guardrails, "find_platform", find)


def emit_nothing(patch: Patch, _: object = None) -> None:
    """Emit no event."""
    for module in (account, comments, scheduler):
        patch.setattr(module, "emit", lambda *_: None)


_KINDS: dict[str, Callable[[Patch, Any], None]] = {
    "field": drop_field, "error-key": drop_error_key, "header": drop_header, "code": drop_code,
    "route": drop_route, "public": drop_public_route, "payload": drop_payload_field,
    "tier": raise_tier, "guardrail": raise_guardrail, "event": emit_nothing,
}  # fmt: skip


def _change_bodies(patch: Patch, change: Callable[[Any], Any]) -> None:
    for module in (app, endpoints):
        original = module.json_response

        def respond(status: int, body: Any, headers: Any, original: Any = original) -> Any:
            return original(status, change(json.loads(json.dumps(body))), headers)

        patch.setattr(module, "json_response", respond)


def _without(value: Any, path: list[str]) -> Any:
    if isinstance(value, list):
        for item in value:
            _without(item, path)
    elif isinstance(value, dict):
        if len(path) == 1:
            value.pop(path[0], None)
        elif path[0] in value:
            _without(value[path[0]], path[1:])
    return value


def _replace_handler(patch: Patch, line: str, wrap: Callable[[Any, RequestContext], Any]) -> None:
    """Replace the handler of a route by `wrap(original, context)`."""
    routes = tuple(
        replace(route, handler=partial(wrap, route.handler))
        if f"{route.method} {route.path}" == line
        else route
        for route in endpoints.ROUTES
    )
    assert routes != endpoints.ROUTES, line
    patch.setattr(endpoints, "ROUTES", routes)


def _change_caller(patch: Patch, **columns: object) -> None:
    """Change columns of every token that authenticates."""
    original = auth.identify_caller

    def identify(*args: Any) -> Any:
        caller = original(*args)
        token: Any = caller and dict(caller.token) | columns
        return caller and replace(caller, token=token)

    patch.setattr(endpoints, "identify_caller", identify)


class _Anything(tuple):  # type: ignore[type-arg]
    """An object that equals and contains everything."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __contains__(self, item: object) -> bool:
        return True


# Authentication and tokens.


@rule
def bearer(patch: Patch) -> None:
    patch.setattr(auth, "_get_secret", lambda request: request.headers.get("X-API-Key", ""))


@rule
def x_api_key(patch: Patch) -> None:
    patch.setattr(
        auth, "_get_secret",
        lambda request: request.headers.get("Authorization", "").removeprefix("Bearer "),
    )  # fmt: skip


@rule
def authentication(patch: Patch) -> None:
    original = auth._get_secret
    secret = "outreply_live_everything0000000000000"
    patch.setattr(auth, "_get_secret", lambda request: original(request) or secret)


@rule
def revocation(patch: Patch) -> None:
    _change_caller(patch, revoked_at=None)


@rule
def expiry(patch: Patch) -> None:
    def refuse(*_: object) -> None:
        raise InvalidInputError("no expiry date")

    patch.setattr(tokens, "check_lifetime", refuse)


@rule
def ip(patch: Patch) -> None:
    _change_caller(patch, ip_allowlist="[]")


@rule
def no_address_matches(patch: Patch) -> None:
    patch.setattr(auth, "_is_in", lambda *_: False)


@rule
def full_access(patch: Patch) -> None:
    _change_caller(patch, has_full_access=1)


@rule
def unbind_collaborator_keys(patch: Patch) -> None:
    _change_caller(patch)
    patch.setattr(account, "_can_reach", lambda *_: True)


@rule
def drop_collaborator_stamp(patch: Patch) -> None:
    original = tokens.token_view
    patch.setattr(tokens, "token_view", lambda *args: original(*args) | {"collaborator": None})


@rule
def anyone_creates_keys(patch: Patch) -> None:
    patch.setattr(admin, "change_collaborator", lambda *_: [])


@rule
def removal_keeps_keys(patch: Patch) -> None:
    patch.setattr(tokens, "revoke_token", tokens.find_token)


@rule
def rotation_keeps_secret(patch: Patch) -> None:
    patch.setattr(admin, "rotate_token", tokens.find_token)


@rule
def rotation_resets_scopes(patch: Patch) -> None:
    original = tokens._update
    patch.setattr(
        tokens, "_update",
        lambda state, row, event, columns: original(
            state, row, event, {**columns, "scopes": '["*"]'}
        ),
    )  # fmt: skip


@rule
def show_secret(patch: Patch) -> None:
    patch.setattr(account, "get_prefix", lambda row: row["secret"])


@rule
def scopes(patch: Patch) -> None:
    patch.setattr(endpoints, "require_scope", lambda *_, **__: None)


@rule
def me_needs_scope(patch: Patch) -> None:
    routes = (
        replace(route, scope="read:brands") if route.path == "/me" else route
        for route in endpoints.ROUTES
    )
    patch.setattr(endpoints, "ROUTES", tuple(routes))


@rule
def no_scope_is_granted(patch: Patch) -> None:
    patch.setattr(Principal, "may", lambda *_: False)


@rule
def brands(patch: Patch) -> None:
    patch.setattr(account, "_can_reach", lambda *_: True)


@rule
def no_brand_matches(patch: Patch) -> None:
    patch.setattr(account, "_can_reach", lambda *_: False)


# Quotas and limits.


@rule
def one_bucket(patch: Patch) -> None:
    original = account.count_usage
    patch.setattr(posts, "count_usage", lambda context, *_: original(context, "reads", 100_000))


@rule
def no_month(patch: Patch) -> None:
    def wrap(original: Callable[..., int]) -> Callable[..., int]:
        return lambda state, user_id, period, *args, **options: original(
            state, user_id, "2026-11" if len(period) == 7 else period, *args, **options
        )

    for name in ("count_use", "count_later", "get_use"):
        patch.setattr(State, name, wrap(getattr(State, name)))


@rule
def no_usage(patch: Patch) -> None:
    patch.setattr(account, "get_usage", lambda *_: {})


@rule
def no_guardrails(patch: Patch) -> None:
    patch.setattr(posts, "check_guardrails", lambda *_, **__: None)


@rule
def free_storage(patch: Patch) -> None:
    patch.setattr(media, "used_bytes", lambda *_: 0)


@rule
def urls_take_storage(patch: Patch) -> None:
    original = media.used_bytes

    def count_used_bytes(db: Any, user_id: str) -> Any:
        posts_count = db.execute("SELECT count(*) FROM posts").fetchone()[0]
        return original(db, user_id) + posts_count

    patch.setattr(media, "used_bytes", count_used_bytes)


@rule
def never_release(patch: Patch) -> None:
    patch.setattr(posts, "release_media", lambda *_: None)


@rule
def long_lifetime(patch: Patch) -> None:
    patch.setattr(auth, "SANDBOX_CAPS", replace(auth.SANDBOX_CAPS, lifetime_requests=1_000))


@rule
def long_day(patch: Patch) -> None:
    patch.setattr(auth, "SANDBOX_CAPS", replace(auth.SANDBOX_CAPS, per_day=1_000))


@rule
def fast_sandbox(patch: Patch) -> None:
    patch.setattr(auth, "SANDBOX_CAPS", replace(auth.SANDBOX_CAPS, per_minute=60))


@rule
def no_sandbox_scopes(patch: Patch) -> None:
    patch.setattr(auth, "SANDBOX_SCOPES", ())


@rule
def sandbox_counts(patch: Patch) -> None:
    patch.setattr(account, "is_sandbox", lambda _: False)


@rule
def warn_always(patch: Patch) -> None:
    original = account.spend

    def spend(state: State, user_id: str, names: Any, limit: int, now: Any) -> Any:
        webhooks.emit(state, user_id, "account.quota.warning", {}, now)
        return original(state, user_id, names, limit, now)

    patch.setattr(account, "spend", spend)


# Idempotency.


@rule
def idempotency(patch: Patch) -> None:
    patch.setattr(
        endpoints.Endpoints, "_run_idempotent",
        lambda _, context, route, *__: (route.status, route.handler(context)),
    )  # fmt: skip


@rule
def keys_for_all(patch: Patch) -> None:
    original = endpoints.Endpoints._run_idempotent

    def run(self: Any, context: Any, *args: Any) -> Any:
        token: Any = {**dict(context.caller.token), "id": "any"}
        caller = context.caller
        context.caller = replace(caller, token=token)
        return original(self, context, *args)

    patch.setattr(endpoints.Endpoints, "_run_idempotent", run)


@rule
def multipart_keys(patch: Patch) -> None:
    responses: dict[str, Any] = {}

    def run(_: Any, context: Any, route: Any, request: Any, __: Any) -> Any:
        key = request.headers.get("Idempotency-Key", "")
        if key not in responses:
            responses[key] = (route.status, route.handler(context))
        return responses[key]

    patch.setattr(endpoints.Endpoints, "_run_idempotent", run)


# Audit.


def _drop_audit(name: str) -> Rule:
    def switch(patch: Patch) -> None:
        original = audit_log.list_audit

        def list_audit(*args: Any, **options: Any) -> list[dict[str, Any]]:
            return [{**entry, name: None} for entry in original(*args, **options)]

        patch.setattr(admin, "list_audit", list_audit)

    return switch


for _name in ("method", "path", "status", "ip", "milliseconds", "denied_scope"):
    RULES[f"no-audit-{_name.replace('_', '-')}"] = _drop_audit(_name)


@rule
def no_token_audit(patch: Patch) -> None:
    patch.setattr(tokens, "log_token_change", lambda *_: None)


# Media.


@rule
def magic(patch: Patch) -> None:
    patch.setattr(media, "detect_mime", lambda _: _Anything())


@rule
def any_extension(patch: Patch) -> None:
    patch.setattr(media, "mime_from_name", lambda _: _Anything())


@rule
def any_type(patch: Patch) -> None:
    patch.setattr(media, "mime_from_name", lambda _: _Anything())
    patch.setattr(media, "detect_mime", lambda _: _Anything())


RULES["accept-svg"] = any_type


@rule
def no_types(patch: Patch) -> None:
    patch.setattr(media, "mime_from_name", lambda _: None)


@rule
def no_videos(patch: Patch) -> None:
    original = media.mime_from_name

    def find_image(name: str) -> str | None:
        mime: str = original(name) or ""
        return mime if mime.startswith("image/") else None

    patch.setattr(media, "mime_from_name", find_image)


@rule
def original_filename(patch: Patch) -> None:
    original = State.new_hex
    patch.setattr(
        State, "new_hex",
        lambda self, digits: "hero" if digits == 32 else original(self, digits),
    )  # fmt: skip


@rule
def keep_deleted(patch: Patch) -> None:
    _replace_handler(
        patch, "DELETE /media/<media_id>",
        lambda _, context: {"success": True, "media_id": context.path["media_id"]},
    )  # fmt: skip


@rule
def never_in_use(patch: Patch) -> None:
    patch.setattr(media, "_get_pending_post", lambda *_: None)


@rule
def always_in_use(patch: Patch) -> None:
    patch.setattr(media, "_get_pending_post", lambda *_: "s2")


@rule
def short_media_list(patch: Patch) -> None:
    _replace_handler(
        patch, "GET /media",
        lambda handler, context: (r := handler(context)) | {"media": r["media"][:100]},
    )  # fmt: skip


@rule
def no_attachments(patch: Patch) -> None:
    patch.setattr(posts, "get_attachments", lambda *_: [])
    patch.setattr(posts, "attach", lambda *_: None)


@rule
def ssrf(patch: Patch) -> None:
    patch.setattr(posts, "find_blocked", lambda *_: [])


@rule
def media_urls_refused(patch: Patch) -> None:
    patch.setattr(posts, "find_blocked", lambda _, urls: urls)


# Posts and comments.


def _refuse_content(condition: Callable[[dict[str, Any]], bool]) -> Rule:
    def switch(patch: Patch) -> None:
        original = posts._content

        def content(context: RequestContext) -> Any:
            values = original(context)
            if condition(values):
                raise ErrorResponse(400, "ANOTHER_CODE")
            return values

        patch.setattr(posts, "_content", content)

    return switch


RULES["media-required"] = _refuse_content(lambda values: values["media"] == "[]")
RULES["message-required"] = _refuse_content(lambda values: not values["message"])
RULES["tiktok-refused"] = _refuse_content(lambda values: bool(values["tiktok_settings"]))
RULES["publish-refuses-media"] = _refuse_content(lambda values: values["media"] != "[]")


@rule
def shifted_times(patch: Patch) -> None:
    original = posts.parse_time_parameter
    patch.setattr(posts, "parse_time_parameter", lambda *args: original(*args) + timedelta(hours=1))


@rule
def strict_offsets(patch: Patch) -> None:
    original = posts.parse_time_parameter

    def parse(name: str, value: str) -> Any:
        if not value.endswith("Z"):
            raise ErrorResponse(400, "INVALID_DATE")
        return original(name, value)

    patch.setattr(posts, "parse_time_parameter", parse)


@rule
def no_first_comment(patch: Patch) -> None:
    patch.setattr(posts, "add_first_comment", lambda *_: None)


@rule
def accept_everything(patch: Patch) -> None:
    patch.setattr(posts, "find_refusal", lambda *_: None)


@rule
def list_everything(patch: Patch) -> None:
    patch.setattr(
        posts, "_list_rows",
        lambda context, *_: context.db.execute(posts.OWNED_POSTS).fetchall(),
    )  # fmt: skip


def _drop_query(name: str, function: str) -> Rule:
    def switch(patch: Patch) -> None:
        original = getattr(posts, function)

        def call(context: RequestContext, *args: Any) -> Any:
            query = {key: value for key, value in context.query.items() if key != name}
            return original(replace(context, query=query), *args)

        patch.setattr(posts, function, call)

    return switch


RULES["no-page-filter"] = _drop_query("page_id", "_list_rows")


@rule
def no_platform_filter(patch: Patch) -> None:
    original = account._pages

    def reverse(context: Any, brand_id: Any, _: object) -> Any:
        rows = original(context, brand_id, None)
        return [*rows[1:], rows[0]] if context.query.get("platform") == "facebook" else rows

    patch.setattr(account, "_pages", reverse)
    patch.setattr(
        account,
        "_page_view",
        lambda *args, view=account._page_view: view(*args) | {"platform": "none"},
    )


@rule
def no_brand_filter(patch: Patch) -> None:
    original = account._pages
    patch.setattr(account, "_pages", lambda context, _, platform: original(context, None, platform))


@rule
def one_page(patch: Patch) -> None:
    original = account._pages
    patch.setattr(account, "_pages", lambda *args: original(*args)[:1])


@rule
def one_page_of_brand(patch: Patch) -> None:
    _replace_handler(
        patch, "GET /brands/<brand_id>/pages",
        lambda handler, context: {"pages": handler(context)["pages"][:1]},
    )  # fmt: skip


@rule
def one_brand(patch: Patch) -> None:
    _replace_handler(
        patch, "GET /brands", lambda handler, context: {"brands": handler(context)["brands"][:1]}
    )


@rule
def any_limit(patch: Patch) -> None:
    patch.setattr(RequestContext, "limit", lambda _: 50)


RULES["limit-ignored"] = any_limit


@rule
def since_ignored(patch: Patch) -> None:
    patch.setattr(RequestContext, "since", lambda _: None)


@rule
def since_includes(patch: Patch) -> None:
    original = RequestContext.since

    def since(self: RequestContext) -> float | None:
        value = original(self)
        return None if value is None else value - 0.001

    patch.setattr(RequestContext, "since", since)


@rule
def other_shape(patch: Patch) -> None:
    _replace_handler(
        patch, "GET /posts/scheduled/<post_id>",
        lambda handler, context: _without(handler(context), ["scheduled_post", "media"]),
    )  # fmt: skip


@rule
def cancel_nothing(patch: Patch) -> None:
    _replace_handler(
        patch, "DELETE /posts/scheduled/<post_id>",
        lambda _, context: {"success": True, "id": context.path["post_id"]},
    )  # fmt: skip


RULES["cancel-published"] = cancel_nothing


@rule
def any_post(patch: Patch) -> None:
    original = comments.get_published_post
    patch.setattr(comments, "get_published_post", lambda context, _: original(context, "o1"))


@rule
def reply_nothing(patch: Patch) -> None:
    reply = {"id": "c_1", "parent_id": "c_abc123", "message": "", "created_at": ""}
    _replace_handler(patch, "POST /comments/reply", lambda *_: {"reply": reply})


# Webhooks.


@rule
def wrong_signature(patch: Patch) -> None:
    patch.setattr(delivery, "signature_header", lambda *_: "sha256=00")


@rule
def one_signature(patch: Patch) -> None:
    original = delivery.signature_header
    patch.setattr(delivery, "signature_header", lambda *args: original(*args).partition(",")[0])


@rule
def no_new_secret(patch: Patch) -> None:
    sql = "SELECT secret FROM hooks"
    patch.setattr(
        admin, "new_secret", lambda state: state.connection.execute(sql).fetchone()["secret"]
    )


@rule
def no_enabling(patch: Patch) -> None:
    patch.setattr(admin.AdminApi, "_enable", lambda *_: {"id": "", "active": True})


@rule
def patient(patch: Patch) -> None:
    patch.setattr(delivery, "RESPONSE_TIMEOUT_SECONDS", 60.0)


# The catalog of errors.


@rule
def short_catalog(patch: Patch) -> None:
    operation_id, handler = app.PUBLIC_ROUTES["/errors"]
    short = (operation_id, lambda base_url: {"errors": handler(base_url)["errors"][:3]})
    patch.setattr(app, "PUBLIC_ROUTES", {**app.PUBLIC_ROUTES, "/errors": short})


for _name in ("code", "category", "status", "message", "fix"):
    RULES[f"no-catalog-{_name}"] = partial(drop_field, path=f"errors.{_name}")
