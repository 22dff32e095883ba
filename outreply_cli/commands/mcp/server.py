"""The server on stdin and stdout, with the protocol's own SDK."""

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from outreply_cli import __version__
from outreply_cli.commands.mcp.gateway import INSTRUCTIONS, AgentGateway
from outreply_cli.errors import ExitCode, InvalidInputError, install_hint

# Resources, each with the tool and the arguments that read it.
RESOURCES: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "outreply://pages": ("Pages of the account", "pages_list", {}),
    "outreply://quota": ("Quotas and rate limits", "quota_show", {}),
    "outreply://calendar": ("Scheduled posts of a month", "posts_calendar", {"month": True}),
}


def serve(gateway: AgentGateway, *, on_interrupt: Callable[[], None]) -> None:
    """Serve an agent until it closes stdin.

    Ctrl-C and SIGTERM stop the process, after `on_interrupt` was called.

    Raises:
        InvalidInputError: The SDK is not installed.
    """
    try:
        import anyio
        import mcp_types as types
        from anyio import to_thread
        from mcp.server.lowlevel import Server
        from mcp.server.stdio import stdio_server
    except ImportError as failure:
        raise InvalidInputError(
            f"the MCP server requires outreply-cli[mcp] ({failure})",
            hint=install_hint("mcp"),
        ) from None

    async def list_tools(_ctx: Any, _params: Any) -> "types.ListToolsResult":
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=tool.name,
                    description=tool.description,
                    input_schema=dict(tool.schema),
                    annotations=types.ToolAnnotations(
                        read_only_hint=tool.is_read_only, open_world_hint=True
                    ),
                )
                for tool in gateway.tools
            ]
        )

    async def call_tool(_ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        text, is_error = await to_thread.run_sync(
            gateway.call_tool, params.name, params.arguments or {}
        )
        return types.CallToolResult(content=[types.TextContent(text=text)], is_error=is_error)

    async def list_resources(_ctx: Any, _params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(name=title, uri=uri, mime_type="application/json")
                for uri, (title, _, _) in RESOURCES.items()
            ]
        )

    async def read_resource(
        _ctx: Any, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        found = RESOURCES.get(str(params.uri))
        if found is None:
            raise ValueError("unknown resource")
        text, _ = await to_thread.run_sync(gateway.call_tool, found[1], found[2])
        contents = types.TextResourceContents(
            uri=str(params.uri), mime_type="application/json", text=text
        )
        return types.ReadResourceResult(contents=[contents])

    server: Server[Any] = Server(
        "outreply",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
    )

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            if os.name == "posix":
                tasks.start_soon(_exit_on_signal, on_interrupt)
            async with stdio_server() as (received, sent):
                await server.run(received, sent, server.create_initialization_options())
            tasks.cancel_scope.cancel()

    anyio.run(run)


async def _exit_on_signal(on_interrupt: Callable[[], None]) -> None:
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            on_interrupt()
            # The thread that reads stdin cannot be stopped.
            os._exit(ExitCode.INTERRUPTED)
