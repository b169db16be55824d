"""The colours of the specification as Textual themes: cyan titles, green good, yellow warning, red error, magenta
patterns, gray secondary. Panels name only Textual's own variables, so every built-in theme works as well.
"""

from __future__ import annotations

from textual.theme import Theme

MIDSTREAM = Theme(
    name="midstream",
    primary="#22c7dd",
    secondary="#4d8fdc",
    accent="#d681e8",
    success="#5fd38d",
    warning="#f0c858",
    error="#ff6b6b",
    foreground="#d7dde5",
    background="#0d1117",
    surface="#131a22",
    panel="#1a232e",
    boost="#1c2a38",
    dark=True,
    variables={
        "text-primary": "#39d3e6",
        "text-success": "#5fd38d",
        "text-warning": "#f0c858",
        "text-error": "#ff6b6b",
        "text-accent": "#d681e8",
        "text-muted": "#8693a3",
        "border": "#22c7dd",
        "border-blurred": "#31404f",
        "footer-key-foreground": "#39d3e6",
    },
)

MIDSTREAM_LIGHT = Theme(
    name="midstream-light",
    primary="#00758a",
    secondary="#2458a6",
    accent="#8f2fa8",
    success="#1a7a3c",
    warning="#8a5a00",
    error="#c0262d",
    foreground="#1d2733",
    background="#fbfcfd",
    surface="#f1f4f7",
    panel="#e5eaef",
    boost="#dcebf2",
    dark=False,
    variables={
        "text-primary": "#00758a",
        "text-success": "#1a7a3c",
        "text-warning": "#8a5a00",
        "text-error": "#c0262d",
        "text-accent": "#8f2fa8",
        "text-muted": "#5a6775",
        "border": "#00758a",
        "border-blurred": "#bcc7d1",
        "footer-key-foreground": "#00758a",
    },
)

# Okabe and Ito's palette (2008), lightened where a dark background asks for it: red and green are told apart as
# vermillion and blue by every common colour vision.
MIDSTREAM_CVD = Theme(
    name="midstream-cvd",
    primary="#56b4e9",
    secondary="#0072b2",
    accent="#cc79a7",
    success="#56b4e9",
    warning="#f0e442",
    error="#e8650a",
    foreground="#e4e7eb",
    background="#0f1115",
    surface="#161a20",
    panel="#1f252d",
    boost="#22303d",
    dark=True,
    variables={
        "text-primary": "#e4e7eb",
        "text-success": "#56b4e9",
        "text-warning": "#f0e442",
        "text-error": "#e8650a",
        "text-accent": "#e08fbd",
        "text-muted": "#929dab",
        "border": "#56b4e9",
        "border-blurred": "#3a4550",
        "footer-key-foreground": "#56b4e9",
    },
)

# The same palette on white, where its yellow and sky blue are too light to be read. Warning is the yellow's darkest
# shade: a lighter one and the vermillion of errors are one colour to protanopes.
MIDSTREAM_CVD_LIGHT = Theme(
    name="midstream-cvd-light",
    primary="#0072b2",
    secondary="#3a5f8a",
    accent="#a3457a",
    success="#0072b2",
    warning="#46340a",
    error="#c04a00",
    foreground="#1d2733",
    background="#fbfcfd",
    surface="#f1f4f7",
    panel="#e5eaef",
    boost="#dcebf2",
    dark=False,
    variables={
        "text-primary": "#1d2733",
        "text-success": "#0072b2",
        "text-warning": "#46340a",
        "text-error": "#c04a00",
        "text-accent": "#a3457a",
        "text-muted": "#5a6775",
        "border": "#0072b2",
        "border-blurred": "#bcc7d1",
        "footer-key-foreground": "#0072b2",
    },
)

# For NO_COLOR: Textual makes greys of all colours by their lightness, and red would be the darkest. Here the worse it
# is the brighter it is.
MIDSTREAM_MONO = Theme(
    name="midstream-mono",
    primary="#d0d0d0",
    secondary="#909090",
    accent="#d8d8d8",
    success="#b8b8b8",
    warning="#e8e8e8",
    error="#ffffff",
    foreground="#c8c8c8",
    background="#0e0e0e",
    surface="#161616",
    panel="#202020",
    boost="#2a2a2a",
    dark=True,
    variables={
        "text-primary": "#e0e0e0",
        "text-success": "#b8b8b8",
        "text-warning": "#e8e8e8",
        "text-error": "#ffffff",
        "text-accent": "#d8d8d8",
        "text-muted": "#8c8c8c",
        "primary-muted": "#2e2e2e",
        "border": "#e0e0e0",
        "border-blurred": "#484848",
        "footer-key-foreground": "#e8e8e8",
    },
)

THEMES = (MIDSTREAM, MIDSTREAM_LIGHT, MIDSTREAM_CVD, MIDSTREAM_CVD_LIGHT, MIDSTREAM_MONO)
CYCLE = [theme.name for theme in THEMES if theme is not MIDSTREAM_MONO]
"""What the theme key goes through; the palette has Textual's own as well."""
DEFAULT_THEME = MIDSTREAM.name
