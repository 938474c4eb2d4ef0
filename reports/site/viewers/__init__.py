"""The interactive views: each module builds one from result files, None where there are none."""

from collections.abc import Callable
from pathlib import Path

from reports.measurements import Choice
from reports.site.viewers.orders import orders_view
from reports.site.viewers.poses import poses_view
from reports.site.viewers.video import video_view
from reports.site.viewers.viewer import Viewer

# Name of the view (its page, script and data) -> builder(report folder, choice).
VIEWERS: dict[str, Callable[[Path, Choice], Viewer | None]] = {
    "orders": orders_view,
    "poses": poses_view,
    "video": video_view,
}
