"""The interactive views: each module builds a view's data from result files, None where there are none."""

from collections.abc import Callable
from pathlib import Path

from reports.measurements import Choice
from reports.site.viewers.orders import orders_view
from reports.site.viewers.poses import poses_view
from reports.site.viewers.video import video_view

# Name of the view (its page, script and data) -> builder(report folder, choice): what it shows, with the keys name,
# about, title, lead, note, perhaps plotly (whether it needs plotly.js) and files (name beside its data -> source).
VIEWERS: dict[str, Callable[[Path, Choice], dict | None]] = {
    "orders": orders_view,
    "poses": poses_view,
    "video": video_view,
}
