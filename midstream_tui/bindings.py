"""Every key of the dashboard, with an id by which a user can remap it and a tooltip by which it explains itself."""

from __future__ import annotations

from textual.binding import Binding, BindingType

APP: list[BindingType] = [
    Binding("q", "quit", "Quit", id="app.quit", tooltip="End all streams and leave"),
    Binding(
        "ctrl+c", "quit", "Quit", id="app.interrupt", show=False, priority=True, tooltip="The same as Quit"
    ),
]

DASHBOARD: list[BindingType] = [
    Binding("s", "app.streams", "Streams", id="streams.pick", tooltip="Add, select or close streams"),
    Binding("e", "app.export", "Export", id="export.snapshot", tooltip="Write this moment as JSON and SVG"),
    Binding("space", "app.pause", "Pause", id="view.pause", tooltip="Freeze the view; ingest goes on"),
    Binding("o", "app.observable", "Observable", id="analysis.observable", tooltip="Analyse the next observable"),
    Binding("right_square_bracket", "app.refresh(1)", "Slower", id="view.slower", show=False, tooltip="Refresh less"),
    Binding("left_square_bracket", "app.refresh(-1)", "Faster", id="view.faster", show=False, tooltip="Refresh more"),
    Binding("t", "app.theme", "Theme", id="view.theme", show=False, tooltip="The next theme"),
    Binding("c", "app.reconnect", "Reconnect", id="streams.reconnect", show=False, tooltip="Connect the stream anew"),
    Binding("x", "app.close_stream", "Close stream", id="streams.close", show=False, tooltip="Close the stream"),
    Binding("tab,right", "app.focus_next", "Next", id="focus.next", show=False, tooltip="To the next panel"),
    Binding("shift+tab,left", "app.focus_previous", "Back", id="focus.previous", show=False, tooltip="The one before"),
    Binding("question_mark,f1", "app.help", "Help", id="help.show", tooltip="Keys and what every figure means"),
]  # fmt: skip

PICKER: list[BindingType] = [
    Binding("escape", "cancel", "Back", id="picker.cancel", tooltip="Back to the dashboard"),
    Binding("delete,ctrl+x", "remove", "Close", id="picker.remove", tooltip="Close the stream, or drop a recent one"),
    Binding("down", "to_list", "List", id="picker.list", show=False, tooltip="From the address to the list"),
]  # fmt: skip

HELP: list[BindingType] = [
    Binding("escape,question_mark,f1,q", "dismiss", "Back", id="help.close", tooltip="Back to the dashboard"),
]
