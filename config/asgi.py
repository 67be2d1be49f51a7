"""The ASGI application."""

import os
import warnings

from django.core.asgi import get_asgi_application

# Static files are small, and WhiteNoise reads them synchronously under any server.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_asgi_application()
