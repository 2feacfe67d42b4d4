"""Answers of the API: the envelope (contract §5) and the errors that end a request."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import web

REASONS = {
    200: "ok",
    400: "bad request",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    405: "method not allowed",
    406: "not acceptable",
    409: "conflict",
    415: "unsupported media type",
    422: "unprocessable entity",
    424: "failed dependency",
    500: "internal server error",
    503: "service unavailable",
}


class ApiError(Exception):
    """An answer other than success, thrown from wherever the request failed.

    Args:
        code: HTTP status, repeated in the envelope.
        response_id: The stable upper-case id.
        message: Human text.
        data: What `data` holds; only 409 answers fill it.
        retry_after_s: Value of the `Retry-After` header, if the answer has one.
    """

    def __init__(
        self,
        code: int,
        response_id: str,
        message: str,
        *,
        data: list[Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(f"{code} {response_id}: {message}")
        self.code = code
        self.response_id = response_id
        self.message = message
        self.data = data or []
        self.retry_after_s = retry_after_s
        self.headers: dict[str, str] = {}


class WorkerDiedError(Exception):
    """The PHP worker never answered; `how` says what the client sees: reset, hang, 502 or 504."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


def invalid(response_id: str, message: str) -> ApiError:
    """400: the caller's values are wrong."""
    return ApiError(400, response_id, message)


def not_found(response_id: str, message: str) -> ApiError:
    """404 with an envelope: an object, parent, package or referenced value is missing."""
    return ApiError(404, response_id, message)


def conflict(response_id: str, message: str, data: list[Any] | None = None) -> ApiError:
    """409: a logical conflict with another object."""
    return ApiError(409, response_id, message, data=data)


def forbidden(response_id: str, message: str) -> ApiError:
    """403: not allowed, or a protected object or limit."""
    return ApiError(403, response_id, message)


def php_error(message: str) -> ApiError:
    """500 of an uncaught PHP error: the message carries a stack trace (contract §5)."""
    trace = (
        "#0 /usr/local/pkg/RESTAPI/Core/Endpoint.inc(1042): RESTAPI\\Core\\Model->from_representation(Array)\n"
        "#1 /usr/local/www/api/v2/index.php(4): RESTAPI\\Core\\Endpoint->process_request()\n#2 {main}"
    )
    return ApiError(500, "ENDPOINT_RECEIVED_UNEXPECTED_ERROR", f"{message}\n{trace}")


def envelope(code: int, response_id: str, message: str, data: object) -> dict[str, object]:
    """The envelope of every API answer; quotes in the message become back-ticks."""
    return {
        "code": code,
        "status": REASONS[code],
        "response_id": response_id,
        "message": message.replace("'", "`").replace('"', "`"),
        "data": data,
    }


def nginx_page(status: int) -> web.Response:
    """An answer of nginx itself: HTML, never the envelope (contract §2)."""
    title = "404 Not Found" if status == 404 else f"{status} {HTTPStatus(status).phrase}"
    kind = "404 Not Found" if status == 404 else "50x Error"
    body = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{kind}</h1></center>\r\n"
    body += "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    return web.Response(status=status, text=body, content_type="text/html")


def login_page() -> web.Response:
    """The web GUI's login page, as it comes when something else than the API answers the URL."""
    body = (
        '<!DOCTYPE html>\n<html lang="en">\n<head><title>Login</title></head>\n<body id="login">\n'
        '<form method="post" class="login"><input type="hidden" name="__csrf_magic" value="sid:0">'
        '<input name="usernamefld" type="text"><input name="passwordfld" type="password">'
        "<button>Sign In</button></form>\n</body>\n</html>\n"
    )
    return web.Response(status=200, text=body, content_type="text/html")
