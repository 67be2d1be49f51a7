"""Where every page is."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from governance.api import PREFIX, api
from governance.streams.views import events

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path(
        "canvases/<uuid:object_id>/",
        RedirectView.as_view(pattern_name="admin:governance_canvas_change"),
        name="canvas",
    ),
    path("supervision/<uuid:session_id>/events", events, name="supervision_events"),
    path(PREFIX, api.urls),
    path("admin/", admin.site.urls),
]
