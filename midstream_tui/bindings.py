"""Every key, with an id by which a user can remap it and a tooltip by which it explains itself.

Left out on purpose: ctrl+a and ctrl+b (prefixes of screen and tmux), ctrl+s and ctrl+q (the terminal's own),
ctrl+h, ctrl+i, ctrl+j, ctrl+m and ctrl+[ (other names of backspace, tab, enter and escape), function keys but F1.
"""

from __future__ import annotations

from textual.binding import Binding, BindingType

DIGITS = "1234567890"
"""The keys of the first ten panels."""


def _key(keys: str, action: str, label: str, name: str, tooltip: str) -> Binding:
    """A key that the footer shows; ``name`` is the id."""
    return Binding(keys, action, label, id=name, tooltip=tooltip)


def _quiet(keys: str, action: str, label: str, name: str, tooltip: str) -> Binding:
    """A key that only the help shows."""
    return Binding(keys, action, label, id=name, tooltip=tooltip, show=False)


def _panel(number: int) -> Binding:
    return Binding(
        DIGITS[number - 1],
        f"toggle_panel({number})",
        f"Panel {number}",
        id=f"panel.{number}",
        show=False,
        tooltip=f"Show or hide panel {number}",
    )


APP: list[BindingType] = [
    _key("q", "quit", "Quit", "app.quit", "End all streams and leave"),
    Binding("ctrl+c", "quit", "Quit", id="app.interrupt", show=False, priority=True, tooltip="The same as Quit"),
    Binding("ctrl+z", "suspend_process", "Suspend", id="app.suspend", show=False, priority=True,
            tooltip="Stop everything and go to the shell; fg comes back"),
    _quiet("ctrl+l", "redraw", "Redraw", "app.redraw", "Paint all anew, where something else wrote to the terminal"),
    _quiet("ctrl+p,colon", "command_palette", "Commands", "app.palette", "Find a command by name"),
]  # fmt: skip

LIVE: list[BindingType] = [
    _key("s", "app.streams", "Streams", "streams.pick", "Add, select, edit or close streams"),
    _key("a", "app.overview", "All", "screen.overview", "All streams in a table, the worst on top"),
    _key("d", "app.detail", "Detail", "screen.detail", "All panels and charts of the selected stream"),
    _key("L", "app.log", "Log", "screen.log", "All messages over the full width, with a filter"),
    _quiet("A", "app.alerts", "Alerts", "screen.alerts", "What is wrong, and what was"),
    _quiet("escape", "back", "Back", "screen.back", "Back: out of one panel, out of a screen"),
    _key("e", "app.export", "Export", "export.snapshot", "Write this moment as JSON, SVG and a Markdown report"),
    _quiet("E", "app.export_as", "Export as", "export.choose", "Choose formats and range of an export"),
    _key("space", "app.pause", "Freeze", "view.pause", "Freeze the view; ingest goes on"),
    _quiet("z,M", "maximise", "Zoom panel", "view.maximise", "Give the focused panel all the room, or take it back"),
    _key("v", "layout", "Layout", "view.layout", "The next layout"),
    *(_panel(number) for number in range(1, len(DIGITS) + 1)),
    _quiet("o", "app.observable", "Observable", "analysis.observable", "Analyse the next observable"),
    _quiet("right_square_bracket", "app.refresh(1)", "Slower", "view.slower", "Refresh less often"),
    _quiet("left_square_bracket", "app.refresh(-1)", "Faster", "view.faster", "Refresh more often"),
    _quiet("t", "app.theme", "Theme", "view.theme", "The next theme"),
    _quiet("m", "app.mouse", "Mouse", "app.mouse", "Mouse off (the terminal selects text) or on"),
    _quiet("c", "app.reconnect", "Reconnect", "streams.reconnect", "Connect the selected stream anew"),
    _quiet("x", "app.close_stream", "Close stream", "streams.close", "Close the selected stream"),
    _quiet("i", "app.stream_options", "Options", "streams.options", "Options of the selected stream"),
    _quiet("p", "app.ask", "Ask", "streams.ask", "Ask the selected model a question"),
    _quiet("tab,right,l", "app.focus_next", "Next", "focus.next", "To the next panel"),
    _quiet("shift+tab,left,h", "app.focus_previous", "Previous", "focus.previous", "To the panel before"),
    _key("question_mark,f1", "app.help", "Help", "help.show", "Keys, and what every figure here means"),
]  # fmt: skip

LOG: list[BindingType] = [
    _key("slash", "filter", "Filter", "log.filter", "Filter: text, /regular expression/, ! for the inverse"),
]  # fmt: skip

DETAIL: list[BindingType] = [
    _key("n", "stream(1)", "Next stream", "detail.next", "The next stream"),
    _quiet("N", "stream(-1)", "Previous stream", "detail.previous", "The stream before"),
    _key("plus,equals_sign", "zoom(1)", "Zoom in", "detail.zoom_in", "Less time on every chart, more of it seen"),
    _key("minus", "zoom(-1)", "Zoom out", "detail.zoom_out", "More time on every chart"),
]  # fmt: skip

PICKER: list[BindingType] = [
    _key("escape", "cancel", "Back", "picker.cancel", "Back to the dashboard"),
    _key("delete,ctrl+x", "remove", "Close", "picker.remove", "Close the stream, or drop a recent one"),
    _key("ctrl+e", "edit", "Edit", "picker.edit", "Put the address into the field to change it"),
    _key("ctrl+r", "reconnect", "Reconnect", "picker.reconnect", "Connect the stream anew"),
    _key("ctrl+o", "options", "Options", "picker.options", "Options of the stream"),
    _key("p", "probe", "Probe", "picker.probe", "Find out whether the address can be reached, or stop that"),
    _key("P", "probe_all", "Probe all", "picker.probe_all", "The same of every address listed, four at once"),
    _quiet("down", "to_list", "List", "picker.list", "From the address to the list"),
]  # fmt: skip

MODAL: list[BindingType] = [
    _key("escape", "dismiss", "Back", "modal.close", "Back, and change nothing"),
]

HELP: list[BindingType] = [
    _key("escape,question_mark,f1,q", "dismiss", "Back", "help.close", "Back to the screen before"),
    _quiet("j,down", "scroll('down')", "Down", "help.down", "One line down"),
    _quiet("k,up", "scroll('up')", "Up", "help.up", "One line up"),
    _quiet("g,home", "scroll('home')", "Start", "help.home", "To the start"),
    _quiet("G,end", "scroll('end')", "End", "help.end", "To the end"),
    _quiet("ctrl+d,pagedown", "scroll('page_down')", "Page down", "help.page_down", "One page down"),
    _quiet("ctrl+u,pageup", "scroll('page_up')", "Page up", "help.page_up", "One page up"),
]  # fmt: skip
