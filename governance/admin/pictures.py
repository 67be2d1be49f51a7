"""Pictures that steps brought back: where they are served, and only to members of their workspace.

Whatever is in one came from outside. It is sent as the kind of picture it is and as nothing else.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.cache import get_conditional_response
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from governance.admin.base import workspaces_of
from governance.admin.rendering.visible import revealed
from governance.domain.errors import InvalidInput
from governance.domain.readings import Photo
from governance.models import Attachment, DeviceCommand
from governance.models.attachment import MEDIA_TYPES

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Never in a shared cache; and a picture does not change, so the browser need not ask again.
    "Cache-Control": "private, max-age=3600, immutable",
    "Vary": "Cookie",
}
ENDINGS = dict(zip(MEDIA_TYPES, ("png", "jpg"), strict=True))


def urls(site: AdminSite) -> list[URLPattern]:
    """The two addresses, behind the sign-in of the admin."""
    return [
        path(
            f"{kind}/<uuid:object_id>/",
            # The admin would forbid every cache; these headers say which one is allowed.
            site.admin_view(view, cacheable=True),
            name=f"governance_{kind}_picture",
        )
        for kind, view in (("attachment", attachment), ("photo", photo))
    ]


def address(kind: str, object_id: object) -> str:
    """Where a picture is served; `kind` is attachment or photo."""
    return reverse(f"admin:governance_{kind}_picture", args=[object_id])


def thumbnail(kind: str, object_id: object, label: str) -> SafeString:
    """A small picture that leads to the whole one."""
    return format_html(
        '<a class="picture" href="{0}"><img src="{0}" alt="{1}" loading="lazy"></a>',
        address(kind, object_id),
        revealed(label),
    )


@require_safe
def attachment(request: HttpRequest, object_id: str) -> HttpResponseBase:
    """A screenshot, or whatever else a step kept."""
    row = Attachment.objects.filter(pk=object_id, workspace_id__in=workspaces_of(request)).first()
    if row is None or row.media_type not in MEDIA_TYPES:
        raise Http404("There is no such picture here.")
    return _served(request, bytes(row.content), row.media_type)


@require_safe
def photo(request: HttpRequest, object_id: str) -> HttpResponseBase:
    """A photo that a device took for a command."""
    rows = DeviceCommand.objects.filter(workspace_id__in=workspaces_of(request))
    row = rows.filter(pk=object_id, photo__isnull=False).first()
    if row is None or row.photo is None:
        raise Http404("There is no such picture here.")
    try:
        found = Photo(bytes(row.photo))
    except InvalidInput as error:
        raise Http404("What is kept is no picture.") from error
    return _served(request, found.content, found.media_type)


def _served(request: HttpRequest, content: bytes, media_type: str) -> HttpResponseBase:
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers: dict[str, Any] = {**HEADERS, "ETag": etag}
    headers["Content-Disposition"] = f'inline; filename="{etag[1:13]}.{ENDINGS[media_type]}"'
    whole = HttpResponse(content, content_type=media_type, headers=headers)
    return get_conditional_response(request, etag=etag, response=whole) or whole
